//! The requests of rows, end to end; and golden renderings that a new version of the template engine must keep.

use serde_json::{Value, json};

use super::*;
use crate::config::flags::set;
use crate::config::layers::Layers;
use crate::config::resolve::{Lookups, resolve};
use crate::diagnostic::SourceText;
use crate::job::facts::ModelCatalog;
use crate::row::{ColumnKind, Origin, Place, PlaceUnit};

pub(super) fn job(text: &str) -> Job {
    let base =
        ["input.path=a.csv", "output.path=b.csv"].map(|argument| set(argument).expect("good")).to_vec();
    let script = SourceText { name: "job.toml".into(), text: text.into() };
    let (file, layers) = Layers::read(Some(script), base).expect("reads");
    let lookups = Lookups {
        region: &|region, _| Err(region.to_owned()),
        book: &|_| ModelCatalog::default(),
        zone: &|_| Ok(jiff::tz::TimeZone::UTC),
    };
    resolve(file, &layers, &lookups).expect("resolves")
}

fn row(fields: Value) -> Row {
    let Value::Object(fields) = fields else { panic!("a row is an object") };
    let place = Place { file: "a.csv".into(), number: 2, unit: PlaceUnit::Line };
    Row { position: 0, place, id: None, fields, origin: Origin::Record, whole: None }
}

fn rendered(text: &str, fields: Value) -> Result<Value, String> {
    let renderer = Renderer::new(&job(text), None).map_err(|problem| problem.to_string())?;
    let request = renderer.render(&row(fields)).map_err(|problem| problem.to_string())?;
    Ok(serde_json::from_slice(&request.body).expect("a body is JSON"))
}

pub(super) const MODEL: &str = "model.name = \"qwen-plus\"\n";

fn user(template: &str, fields: Value) -> Result<String, String> {
    let text = format!("{MODEL}prompt.user = '''{template}'''\n");
    rendered(&text, fields).map(|body| body["messages"][0]["content"].as_str().expect("text").to_owned())
}

#[test]
fn golden_renderings_stay_as_they_are() {
    let fields = json!({
        "t": "a < b & \"c\"\n", "n": null, "i": 7, "f": 2.0, "big": 9_007_199_254_740_993_i64, "yes": true,
        "tags": ["x", "y"], "meta": {"author": {"name": "Zoë"}, "k": 1.5}, "html": "<b>", "a.html": "x",
    });
    for (template, expected) in [
        ("{{ t }}", "a < b & \"c\"\n"),
        ("[{{ n }}]", "[]"),
        ("{{ i }} {{ f }} {{ big }} {{ yes }}", "7 2.0 9007199254740993 true"),
        ("{{ tags }} {{ tags | join(', ') }}", "[\"x\",\"y\"] x, y"),
        ("{{ meta.author.name }} {{ meta }}", "Zoë {\"author\":{\"name\":\"Zoë\"},\"k\":1.5}"),
        ("{{ meta | tojson }}", "{\"author\":{\"name\":\"Zoë\"},\"k\":1.5}"),
        ("{{ [html, t] | tojson }}", "[\"<b>\",\"a < b & \\\"c\\\"\\n\"]"),
        ("{% if n %}a{% else %}b{% endif %}", "b"),
        ("{% for x in tags %}{{ loop.index }}{{ x }};{% endfor %}", "1x;2y;"),
        ("{{ t | trim | upper }}", "A < B & \"C\""),
        ("{{ n | default('none', true) }}", "none"),
        ("{{ t | length }}|{{ html }}|{{ row['a.html'] }}", "12|<b>|x"),
        ("line\n", "line\n"),
    ] {
        assert_eq!(user(template, fields.clone()), Ok(expected.to_owned()), "{template}");
    }
}

#[test]
fn a_template_that_is_one_expression_keeps_its_value_s_type() {
    let text = format!(
        "{MODEL}prompt.user = \"x\"\n[request]\ntemperature = \"{{{{ t }}}}\"\nstop = [\"{{{{ s }}}}\", \"end {{{{ t }}}}\"]\n\
         translation_options = {{ terms = \"{{{{ terms }}}}\", target_lang = \"{{{{ lang }}}}\" }}\n"
    );
    let fields = json!({"t": 0.5, "s": "###", "terms": [{"source": "a", "target": "b"}], "lang": "French"});
    let body = rendered(&text, fields).expect("renders");
    assert_eq!(body["temperature"], json!(0.5));
    assert_eq!(body["stop"], json!(["###", "end 0.5"]));
    assert_eq!(
        body["translation_options"],
        json!({"terms": [{"source": "a", "target": "b"}], "target_lang": "French"})
    );
}

#[test]
fn a_missing_column_is_shown_where_the_template_names_it() {
    let problem = user("Hello {{ txet }}", json!({"text": "x"})).expect_err("missing");
    assert!(problem.contains("the row has no column `txet`"), "{problem}");
    assert!(problem.contains("job.toml:2:"), "{problem}");
    assert!(problem.contains("did you mean `text`?"), "{problem}");
    let columns = [Column { name: "text".into(), kind: ColumnKind::Text }];
    let text = format!("{MODEL}prompt.user = \"{{{{ txet }}}}\"\n");
    let problem = Renderer::new(&job(&text), Some(&columns)).expect_err("missing").to_string();
    assert!(
        problem.contains("the input has no column `txet`") && problem.contains("job.toml:2:19"),
        "{problem}"
    );
}

#[test]
fn few_shot_turns_stand_between_system_and_user() {
    let text = format!(
        "{MODEL}[prompt]\nsystem = \"S\"\nuser = \"{{{{ t }}}}\"\n[[prompt.messages]]\nrole = \"user\"\ncontent = \"q\"\n\
         [[prompt.messages]]\nrole = \"assistant\"\ncontent = \"a {{{{ t }}}}\"\n"
    );
    let body = rendered(&text, json!({"t": "now"})).expect("renders");
    assert_eq!(
        body["messages"],
        json!([
            {"role": "system", "content": "S"}, {"role": "user", "content": "q"},
            {"role": "assistant", "content": "a now"}, {"role": "user", "content": "now"},
        ])
    );
}

#[test]
fn a_row_may_bring_its_own_request() {
    let turns = json!([{"role": "user", "content": "hi"}]);
    for fields in
        [json!({"messages": turns}), json!({"messages": turns.to_string()}), json!({"prompt": "hi"})]
    {
        assert_eq!(rendered(MODEL, fields).expect("renders")["messages"], turns);
    }
    let batch = |url: &str| {
        json!({"custom_id": "1", "method": "POST", "url": url,
               "body": {"model": "qwen-max", "messages": turns, "seed": 1}})
    };
    let body = rendered("", batch("/v1/chat/completions")).expect("renders");
    assert_eq!(body, json!({"model": "qwen-max", "messages": turns, "seed": 1}));
    assert!(
        rendered("", batch("https://elsewhere.example/v1/chat/completions"))
            .expect_err("host")
            .contains("url")
    );
    assert!(rendered(MODEL, json!({"text": "x"})).expect_err("nothing").contains("the job has no prompt"));
}

#[test]
fn what_the_api_is_known_to_refuse_is_refused_here() {
    for (fields, part) in [
        (json!({"messages": []}), "empty"),
        (
            json!({"messages": [{"role": "user", "content": "x"}, {"role": "system", "content": "y"}]}),
            "come first",
        ),
        (json!({"messages": [{"role": "assistant", "content": "x"}]}), "last turn"),
        (json!({"messages": [{"role": "robot", "content": "x"}]}), "robot"),
    ] {
        let problem = rendered(MODEL, fields).expect_err(part);
        assert!(problem.contains(part), "{problem}");
    }
    let partial = json!({"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y", "partial": true}]});
    assert!(rendered(MODEL, partial).is_ok());
    for (line, good) in [
        ("temperature = 2.0", false),
        ("temperature = 1.99", true),
        ("top_p = 0", false),
        ("top_p = 1.0", true),
        ("seed = -1", false),
        ("seed = 2147483647", true),
        ("n = 5", false),
        ("n = 4", true),
    ] {
        let text = format!("{MODEL}prompt.user = \"x\"\n[request]\n{line}\n");
        assert_eq!(rendered(&text, json!({})).is_ok(), good, "{line}");
    }
    let other = "model.name = \"gpt\"\nprompt.user = \"x\"\n[request]\ntemperature = 2.0\n";
    assert!(rendered(other, json!({})).is_ok(), "another server may allow more");
}

#[test]
fn the_fingerprint_forgets_the_order_of_keys_and_nothing_else() {
    let renderer = Renderer::new(&job(""), None).expect("compiles");
    let print = |body: &str| {
        let body: Value = serde_json::from_str(body).expect("JSON");
        renderer
            .render(&row(json!({"custom_id": "1", "body": body})))
            .expect("renders")
            .fingerprint
            .to_string()
    };
    let turns = r#""messages":[{"role":"user","content":"x"}]"#;
    let first = print(&format!(r#"{{"model":"m","seed":1,{turns}}}"#));
    assert_eq!(first, print(&format!(r#"{{{turns},"seed":1,"model":"m"}}"#)));
    assert_ne!(first, print(&format!(r#"{{{turns},"seed":2,"model":"m"}}"#)));
    // A golden value: a journal of an earlier version must still know its rows.
    assert_eq!(first, "1f2c07da5d233728f5e8fe5083ab995f");
}

#[test]
fn a_loop_without_an_end_and_a_rendering_without_a_bound_are_errors() {
    let loops = "{% for a in range(9000) %}{% for b in range(9000) %}{% endfor %}{% endfor %}";
    assert!(user(loops, json!({})).is_err());
    let grows = "{% for a in range(9000) %}{{ t }}{% endfor %}";
    let problem = user(grows, json!({"t": "x".repeat(4000)})).expect_err("grows");
    assert!(problem.contains("16 MiB"), "{problem}");
}

#[test]
fn a_row_that_chooses_values_is_asked_the_same_in_and_out_of_a_mould() {
    let text = format!(
        "{MODEL}prompt.user = \"{{{{ t }}}}\"\n[request]\nseed = \"{{{{ n }}}}\"\n\
         translation_options = {{ source_lang = \"auto\", target_lang = \"{{{{ lang }}}}\" }}\n"
    );
    let job = job(&text);
    let shared = Renderer::new(&job, None).expect("compiles");
    // More choices than there can be body templates, each of them twice.
    for number in (0..150).chain(0..150) {
        let lang = ["French", "\"\u{10fffd}0\u{10fffd}\"", "日本語"][number % 3];
        let row = row(json!({ "t": format!("text {number}"), "n": number / 2, "lang": lang }));
        let alone = Renderer::new(&job, None).expect("compiles").render(&row).expect("renders");
        let request = shared.render(&row).expect("renders");
        assert_eq!(String::from_utf8(request.body), String::from_utf8(alone.body));
        assert_eq!((request.fingerprint, request.shape), (alone.fingerprint, alone.shape));
        assert!(request.estimate.prompt_tokens.abs_diff(alone.estimate.prompt_tokens) <= 1);
    }
    let wrong = row(json!({ "t": "x", "n": "no number", "lang": "French" }));
    let alone =
        Renderer::new(&job, None).expect("compiles").render(&wrong).map_err(|error| error.to_string());
    let error = shared.render(&wrong).map_err(|error| error.to_string());
    assert_eq!(error.expect_err("refused"), alone.expect_err("refused"));
}
