//! Templates in whole jobs: a column's name in braces, and text that is not a template.

use serde_json::json;

use crate::support::harness::Scene;

fn scene(input: &str, rows: &str, prompt: &str, more: &str) -> Scene {
    let scene = Scene::new();
    scene.write(input, rows);
    let job = scene.read_job(input, prompt, more);
    scene.write("job.toml", job);
    scene
}

impl Scene {
    fn read_job(&self, input: &str, prompt: &str, more: &str) -> String {
        format!(
            "input.path = {input:?}\noutput.path = \"out.jsonl\"\nmodel.name = \"qwen-plus\"\nmodel.base_url = \"{}\"\n\
             prompt.user = '''{prompt}'''\n{more}",
            self.base_url()
        )
    }

    /// The texts sent to the simulator, sorted.
    fn asked(&self) -> Vec<String> {
        let preview = self.run(&["preview", "job.toml", "--requests", "9"]).expect_code(0).stdout;
        let text = |line: &str| line.trim().strip_prefix("\"content\": ").map(str::to_owned);
        preview.lines().filter_map(text).map(|text| serde_json::from_str(&text).expect("a text")).collect()
    }
}

const CSV: &str = "Product Name,range,größe,a-b,What's new?,a,b\nShoe,wide,L,dash,much,3,1\n";

fn as_jsonl() -> String {
    let row = json!({
        "Product Name": "Shoe", "range": "wide", "größe": "L", "a-b": "dash", "What's new?": "much", "a": 3, "b": 1,
    });
    format!("{row}\n")
}

#[test]
fn a_column_s_name_in_braces_is_that_column_in_every_format() {
    let prompt = "{{ Product Name }}/{{ Product Name | upper }}/{{ range }}/{{ größe }}/{{ a-b }}/{{ What's new? }}\
                  {% for i in range(2) %}/{{ i }}{% endfor %}";
    for (input, rows) in [("in.csv", CSV.to_owned()), ("in.jsonl", as_jsonl())] {
        let scene = scene(input, &rows, prompt, "");
        assert_eq!(scene.asked(), ["Shoe/SHOE/wide/L/dash/much/0/1"], "{input}");
        scene.run(&["run", "job.toml"]).expect_code(0);
        // The same requests are planned again.
        scene.run(&["run", "job.toml"]).expect_code(0);
        assert_eq!(scene.witness_count(), 1, "{input}");
    }
}

#[test]
fn a_column_s_name_works_where_a_value_keeps_its_type() {
    let row = json!({ "text": "t", "the seed": 7, "top-p": 0.5 });
    let more = "request.seed = \"{{ the seed }}\"\nrequest.top_p = \"{{ top-p }}\"\n";
    let scene = scene("in.jsonl", &format!("{row}\n"), "{{ text }}", more);
    let preview = scene.run(&["preview", "job.toml"]).expect_code(0).stdout;
    assert!(preview.contains("\"seed\": 7") && preview.contains("\"top_p\": 0.5"), "{preview}");
}

#[test]
fn rows_that_bring_their_own_columns_each_have_their_own() {
    let rows = [
        json!({ "a.b": "whole", "a": { "b": "part" } }),
        json!({ "a": { "b": "part" } }),
        json!({ "a.b": "alone" }),
    ];
    let rows: String = rows.iter().map(|row| format!("{row}\n")).collect();
    let scene = scene("in.jsonl", &rows, "{{ a.b }}", "");
    assert_eq!(scene.asked(), ["whole", "part", "alone"]);
    scene.run(&["run", "job.toml"]).expect_code(0);
    assert_eq!(scene.witness_count(), 3);
    scene.run(&["run", "job.toml"]).expect_code(0);
    assert_eq!(scene.witness_count(), 3, "nothing is sent again");
}

#[test]
fn a_name_in_braces_that_is_not_a_column_is_reported_with_its_place_and_the_nearest() {
    for (input, rows) in [("in.csv", CSV.to_owned()), ("in.jsonl", as_jsonl())] {
        let scene = scene(input, &rows, "Say: {{ Prodct Name }}", "");
        let finished = scene.run(&["run", "job.toml"]).expect_code(1).says("has no column `Prodct Name`");
        finished.says("did you mean `Product Name`?").says("job.toml:5:26");
        assert_eq!(scene.witness_count(), 0);
    }
}

#[test]
fn a_column_with_a_name_of_the_program_s_own_is_had_through_the_row() {
    for (input, rows) in [("in.csv", "each,row\nx,y\n"), ("in.jsonl", "{\"each\":\"x\",\"row\":\"y\"}\n")] {
        for name in ["each", "row"] {
            let told = format!("write the column as {{{{ row[\"{name}\"] }}}}");
            let scene = scene(input, rows, &format!("{{{{ {name} }}}}"), "");
            scene.run(&["run", "job.toml"]).expect_code(1).says(&told);
        }
        let scene = scene(input, rows, "{{ row[\"each\"] }}{{ row[\"row\"] }}", "");
        assert_eq!(scene.asked(), ["xy"]);
    }
}

#[test]
fn no_template_ends_the_program_otherwise_than_by_an_error_at_its_place() {
    let long = |piece: &str| format!("{{{{ {}1 }}}}", piece.repeat(20_000));
    let mut odd: Vec<String> = [
        "{{ “text” }}",
        "{{ text “upper” }}",
        "{{ text | é }}",
        "{{ 'é }}",
        "{{é",
        "{% import \"a\" as \"b\" %}",
        "{% from \"é\" import \"é\" %}",
        "{%é%}",
        "{{ text[“] }}",
        "{{ \u{a0}text }}",
    ]
    .map(str::to_owned)
    .to_vec();
    odd.extend(["not ", "- ", "1+"].map(long));
    for prompt in odd {
        for field in ["prompt.user", "request.user"] {
            let (user, more) = match field {
                "prompt.user" => (prompt.as_str(), String::new()),
                _ => ("{{ text }}", format!("request.user = '''{prompt}'''\n")),
            };
            let scene = scene("in.csv", "text\na\n", user, &more);
            let finished = scene.run(&["preview", "job.toml"]);
            let shown: String = prompt.chars().take(40).collect();
            assert!(matches!(finished.code, Some(0 | 1)), "{shown}: {finished:?}");
            assert!(!finished.stderr.contains("panicked"), "{shown}: {}", finished.stderr);
            assert!(
                finished.code == Some(0) || finished.stderr.contains("job.toml:"),
                "{shown}: {}",
                finished.stderr
            );
        }
    }
    // Without room for a large stack, ordinary templates still work.
    let usual =
        "{% set ns = namespace(n=0) %}{% for i in range(3) %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}";
    let small = scene("in.csv", "text\na\n", usual, "");
    let mut limited = std::process::Command::new("sh");
    limited.args(["-c", "ulimit -v 1000000; exec \"$0\" preview job.toml", env!("CARGO_BIN_EXE_fanfold")]);
    let finished = limited.current_dir(small.path("")).output().expect("a shell");
    assert!(String::from_utf8_lossy(&finished.stdout).contains("\"content\": \"3\""), "{finished:?}");
    // The result of a template may be nested as deep as its steps allow.
    let nested = "{% set ns = namespace(x=[]) %}{% for i in range(100) %}{% for j in range(900) %}\
                  {% set ns.x = [ns.x] %}{% endfor %}{% endfor %}{{ ns.x | length }}";
    let scene = scene("in.csv", "text\na\n", nested, "");
    assert_eq!(scene.asked(), ["1"]);
}

#[test]
fn one_key_limits_reading_and_rendering() {
    let row = json!({ "text": "x".repeat(17 << 20) });
    let job = |prompt: &str, more: &str| {
        let more = format!("input.max_record = \"32 MiB\"\n{more}");
        let scene = scene("in.jsonl", &format!("{row}\n"), prompt, &more);
        scene.run(&["preview", "job.toml", "--requests", "0"])
    };
    job("Say: {{ text }}", "request.user = \"{{ text }}\"\n").expect_code(0);
    job("{{ text }}{{ text }}", "")
        .expect_code(1)
        .says("more than 32 MiB")
        .says("raise `max_record` under [input]");
}
