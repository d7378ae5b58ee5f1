//! `init`: what it writes runs at once, it overwrites nothing, and its three questions are asked on a terminal.

use std::fs;
use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::support::harness::{Finished, Scene};
use crate::support::sheets::{Cell, Sheet, workbook};
use crate::support::tables::Table;

/// The rehearsal that `init` names as the next command, run as a shell would, wherever the binary is.
fn rehearse(scene: &Scene, said: &Finished) -> Finished {
    let line = said.stderr.lines().find(|line| line.ends_with("--simulate")).expect("the next command");
    let line = line.trim().replacen("fanfold", env!("CARGO_BIN_EXE_fanfold"), 1);
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{line} --qpm 60000")]).current_dir(scene.path("")).stdin(Stdio::null());
    Finished::from(command.output().expect("a shell"))
}

/// The job file that `init` wrote, its comments included.
fn job(scene: &Scene, folder: &str) -> String {
    scene.read(&format!("{folder}/job.toml"))
}

#[test]
fn a_job_written_without_a_terminal_runs_at_once() {
    let scene = Scene::new();
    let said = scene.run(&["init"]).expect_code(0).says("no terminal to ask on").says("sample.csv");
    assert_eq!(said.stdout, "");
    rehearse(&scene, &said).expect_code(0).says("5 ok · 0 failed").says("out/sample.answers.simulated.csv");
    let said = scene.run(&["init", "my jobs/it's new", "--yes"]).expect_code(0);
    assert!(!said.stderr.contains("no terminal"), "{}", said.stderr);
    rehearse(&scene, &said).expect_code(0).says("5 ok · 0 failed");
    assert!(job(&scene, "my jobs/it's new").starts_with("#:schema ./job.schema.json\n"));
    assert_eq!(scene.read("my jobs/it's new/job.schema.json"), scene.run(&["schema"]).stdout);
}

#[test]
fn it_overwrites_nothing_and_writes_nothing_where_it_cannot_write_all() {
    for name in ["job.toml", "job.schema.json", "sample.csv"] {
        let scene = Scene::new();
        scene.write(&format!("here/{name}"), "mine");
        let file = format!("here/{name}");
        scene.run(&["init", "here"]).expect_code(1).says(&file).says("already exists");
        assert_eq!(scene.read(&file), "mine");
        assert_eq!(fs::read_dir(scene.path("here")).expect("a folder").count(), 1);
    }
    let scene = Scene::new();
    scene.write("file", "");
    scene.write("in.csv", "id,text\n1,one\n");
    let refused = scene.run(&["init", "file", "--input", "in.csv"]).expect_code(1);
    refused.says("file is a file, not a folder").says("--input");
    scene.run(&["init", "file"]).expect_code(1).says("file");
}

#[test]
fn an_input_of_one_s_own_is_asked_about_by_a_column_that_it_has() {
    for (name, text, prompt) in [
        ("a.csv", "ticket_id,topic,what is said\n1,x,a long text of many words\n", "{{ what is said }}"),
        ("ids.csv", "ticket_id,title\n7f3c9d1e-55aa-4e0b-9c1d-0a2b3c4d5e6f,Lid stuck\n", "{{ title }}"),
        ("a.tsv", "n\tletter\n1\tDear all\n", "{{ letter }}"),
        ("a.jsonl", "{\"n\": 1, \"body\": \"text\"}\n", "{{ body }}"),
        ("a.jsonl.gz", "", "{{ n }}"),
    ] {
        let scene = Scene::new();
        match name.ends_with(".gz") {
            true => {
                let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                packed.write_all(b"{\"n\": 1}\n").expect("packed");
                scene.write(name, packed.finish().expect("packed"))
            }
            false => scene.write(name, text),
        };
        let said = scene.run(&["init", "new", "--input", name]).expect_code(0);
        let written: toml::Table = job(&scene, "new").parse().expect("TOML");
        let user = written["prompt"]["user"].as_str().expect("a prompt");
        assert_eq!(user, format!("Summarise in one sentence: {prompt}"));
        rehearse(&scene, &said).expect_code(0).says("1 ok · 0 failed");
        assert!(!scene.path("new/sample.csv").exists());
    }
}

#[test]
fn a_catalogue_in_a_spreadsheet_becomes_a_job_in_this_folder_that_answers_in_one() {
    let scene = Scene::new();
    let text = |text: &str| Cell::of(Some(text));
    let rows = [[Cell::Number(7.0), text("A chair of beech")], [Cell::Number(8.0), text("A table of oak")]];
    scene.write("shop/catalogue.xlsx", workbook(&[Sheet::new("Products", &["sku", "description"], &rows)]));
    let init =
        ["init", "shop/catalogue.xlsx", "--model", "qwen-mt-plus", "--languages", "German,French", "--yes"];
    let said = scene.run(&init).expect_code(0);
    let written: toml::Table = job(&scene, ".").parse().expect("TOML");
    assert_eq!(written["prompt"]["user"].as_str(), Some("{{ row[each.column] }}"));
    rehearse(&scene, &said).expect_code(0).says("2 rows · 4 requests").says("2 ok · 0 failed");
    let table = Table::read(&scene.path("out/catalogue.answers.simulated.xlsx"));
    assert_eq!(table.texts("sku"), ["7", "8"]);
    assert!(table.rows.iter().all(|row| row["sku"].is_number()), "{table:?}");
}

/// A workbook of a shop: notes, and a catalogue with columns of every kind.
fn katalog() -> Vec<u8> {
    let text = |text: &str| Cell::of(Some(text));
    let product = |sku: &str, name: &str, description: &str, colour: &str| {
        let (link, date) = (text("https://example.com/p"), Cell::Date(46_000.0));
        [text(sku), text(name), text(description), text(colour), Cell::Number(9.5), date, link]
    };
    let header = ["SKU", "Name", "Description", "Colour", "Price", "Updated", "Link"];
    let products = [
        product("NF-1", "Warm socks", "Of wool, for {season}.", "red"),
        product("NF-2", "Scarf", "Two metres long.", "red"),
        product("NF-3", "Mittens", "<b>Waterproof</b> and light.", "red"),
    ];
    let notes = [[text("Prices are net of tax.")]];
    workbook(&[Sheet::new("Notes", &["Remark"], &notes), Sheet::new("Products", &header, &products)])
}

#[test]
fn a_translator_is_asked_for_sheet_languages_and_columns_and_the_job_translates_them() {
    let scene = Scene::new();
    scene.write("katalog.xlsx", katalog());
    let (mut child, mut terminal) =
        on_a_terminal(&scene, &["init", "katalog.xlsx", "--model", "qwen-mt-plus"]);
    for (question, answer) in [
        ("Sheet, one of Notes (1 row), Products (3 rows) [Products]: ", "Prodcts"),
        ("[Products]: ", ""),
        ("[English]: ", "French, Germn"),
        ("Instead of `Germn` [German]: ", ""),
        ("[Name, Description]: ", "name, Descripton"),
        ("Instead of `Descripton` [Description]: ", ""),
    ] {
        let shown = shown_until(&mut terminal, question);
        assert!(!shown.contains("Prompt"), "{shown}");
        terminal.write_all(format!("{answer}\n").as_bytes()).expect("an answer");
    }
    shown_until(&mut terminal, "fanfold run job.toml --simulate");
    assert_eq!(child.wait().expect("its end").code(), Some(0));
    let text = job(&scene, ".");
    let written: toml::Table = text.parse().expect("TOML");
    assert_eq!(written["input"]["sheet"].as_str(), Some("Products"));
    assert_eq!(written["input"]["id"].as_str(), Some("SKU"));
    assert_eq!(written["each"]["lang"], toml::Value::from(vec!["French", "German"]));
    assert_eq!(written["each"]["column"], toml::Value::from(vec!["Name", "Description"]));
    assert_eq!(written["prompt"]["user"].as_str(), Some("{{ row[each.column] }}"));
    assert_eq!(written["request"]["translation_options"]["target_lang"].as_str(), Some("{{ each.lang }}"));
    let checks = toml::Value::from(vec!["placeholders", "translated", "length"]);
    assert_eq!(written["answer"]["checks"], checks);
    assert_eq!(written["pack"]["rows"].as_str(), Some("auto"));
    assert_eq!(written["output"]["wide"].as_str(), Some("{{ column }} ({{ lang }})"));
    assert!(text.contains("\n# [glossary]\n# terms = "), "{text}");
    let ran = scene.run(&["run", "job.toml", "--simulate", "--qpm", "60000"]).expect_code(0);
    ran.says("3 rows · 12 requests").says("3 ok · 0 failed");
    let table = Table::read(&scene.path("out/katalog.answers.simulated.xlsx"));
    assert_eq!(table.texts("Name (German)")[1], "[German] Scarf");
    assert!(table.texts("Description (French)")[0].contains("{season}"), "{table:?}");
}

#[test]
fn without_a_terminal_columns_and_sheet_are_those_of_flags_or_the_ones_that_would_be_proposed() {
    let scene = Scene::new();
    scene.write("katalog.xlsx", katalog());
    let init = |folder: &str, flags: &[&str]| {
        let flags = [&["init", folder, "--input", "katalog.xlsx", "--model", "qwen-mt-plus"], flags].concat();
        scene.run(&flags)
    };
    let said = init("both", &[]).expect_code(0).says("change them with --sheet, --languages and --columns");
    let said = said.says("to translate: Name, Description");
    let written: toml::Table = job(&scene, "both").parse().expect("TOML");
    assert_eq!(written["each"]["lang"], toml::Value::from(vec!["English"]));
    assert_eq!(written["each"]["column"], toml::Value::from(vec!["Name", "Description"]));
    rehearse(&scene, &said).expect_code(0).says("3 rows · 6 requests").says("3 ok");
    // One text into one language is a plain job.
    let said = init("one", &["--columns", "name", "--languages", "French"]).expect_code(0);
    let written: toml::Table = job(&scene, "one").parse().expect("TOML");
    assert_eq!(written["prompt"]["user"].as_str(), Some("{{ Name }}"));
    assert!(!written.contains_key("each") && written.contains_key("answer"), "{written:?}");
    rehearse(&scene, &said).expect_code(0).says("3 ok");
    let said = init("notes", &["--sheet", "notes", "--languages", "French,German"]).expect_code(0);
    let written: toml::Table = job(&scene, "notes").parse().expect("TOML");
    assert_eq!(written["input"]["sheet"].as_str(), Some("Notes"));
    assert_eq!(written["each"]["column"], toml::Value::from(vec!["Remark"]));
    rehearse(&scene, &said).expect_code(0).says("1 row").says("1 ok");
    init("none", &["--columns", "Nmae"]).expect_code(1).says("did you mean `Name`?");
    init("none", &["--sheet", "Prodcts"]).expect_code(1).says("there is no sheet `Prodcts`");
    scene.run(&["init", "katalg.xlsx"]).expect_code(1).says("did you mean `katalog.xlsx`?");
    assert!(!scene.path("none").exists() && !scene.path("katalg.xlsx").exists());
    let chat = ["init", "none", "--input", "katalog.xlsx", "--model", "qwen-plus", "--columns", "Name"];
    scene.run(&chat).expect_code(1).says("qwen-plus is not a translation model").says("--prompt");
}

#[test]
fn translations_that_the_input_has_already_keep_their_columns() {
    let scene = Scene::new();
    scene.write("in.csv", "id,Name,Name (French)\n1,Warm socks,\n2,A scarf of wool,\n");
    let init = ["init", "in.csv", "--model", "qwen-mt-plus", "--languages", "French,German"];
    let said = scene.run(&init).expect_code(0);
    rehearse(&scene, &said).expect_code(0).says("2 ok");
    let answers = scene.read("out/in.answers.simulated.csv");
    assert!(answers.starts_with("id,Name,Name (French),\"Name (French, new)\""), "{answers}");
}

#[test]
fn a_folder_of_documents_becomes_a_job_over_their_texts() {
    let scene = Scene::new();
    scene.write("in/a.md", "# One\n\nA text.\n");
    scene.write("in/b.html", "<p>Two</p>");
    let said = scene.run(&["init", "new", "--input", "in", "--model", "qwen-mt-plus"]).expect_code(0);
    let text = job(&scene, "new");
    assert!(text.contains("path = \"in\"") && text.contains("user = \"{{ text }}\""), "{text}");
    assert!(text.contains("[split]\n") && text.contains("identified by its path"), "{text}");
    rehearse(&scene, &said).expect_code(0).says("2 documents");
    let said = scene.run(&["init", "other", "--input", "in"]).expect_code(0);
    let text = job(&scene, "other");
    assert!(text.contains("Summarise in one sentence: {{ text }}") && text.contains("# [split]"), "{text}");
    rehearse(&scene, &said).expect_code(0).says("2 documents");
    scene.write("none/a.xyz", "x");
    scene.run(&["init", "third", "--input", "none"]).expect_code(1).says("no file has the ending");
}

#[test]
fn a_model_gets_the_request_that_it_needs() {
    let scene = Scene::new();
    scene.write("in.csv", "text\nBonjour\n");
    let init = |folder: &str, model: &str| {
        scene.run(&["init", folder, "--input", "in.csv", "--model", model]).expect_code(0)
    };
    let said = init("mt", "qwen-mt-plus");
    assert!(job(&scene, "mt").contains("target_lang = \"English\""));
    rehearse(&scene, &said).expect_code(0).says("1 ok");
    init("slip", "qwen-pluss")
        .says("warning: `qwen-pluss` is not in the model table (did you mean `qwen-plus`?)");
    init("thinks", "qwen3.6-plus");
    assert!(job(&scene, "thinks").contains("\nenable_thinking = false\n"));
    scene.write("own.jsonl", "{\"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]}\n");
    let said = scene.run(&["init", "own", "--input", "own.jsonl"]).expect_code(0);
    rehearse(&scene, &said).expect_code(0).says("1 ok");
}

#[test]
fn a_translation_model_is_given_its_languages_one_or_several() {
    let scene = Scene::new();
    scene.write("in.csv", "sku,title\nA-1,Warm socks\nA-2,A scarf of wool\n");
    let init = |folder: &str, languages: &str| {
        let flags = ["--input", "in.csv", "--model", "qwen-mt-plus", "--languages", languages];
        scene.run(&[&["init", folder], flags.as_slice()].concat())
    };
    let said = init("one", "th").expect_code(0);
    let text = job(&scene, "one");
    assert!(text.contains("target_lang = \"Thai\"") && !text.contains("[each]"), "{text}");
    rehearse(&scene, &said).expect_code(0).says("2 ok");
    let said = init("three", "French, de,Thai, french").expect_code(0);
    let written: toml::Table = job(&scene, "three").parse().expect("TOML");
    let languages: toml::Value = vec!["French", "German", "Thai"].into();
    assert_eq!(written["each"]["lang"], languages);
    assert_eq!(written["request"]["translation_options"]["target_lang"].as_str(), Some("{{ each.lang }}"));
    rehearse(&scene, &said).expect_code(0).says("2 ok");
    let answers = scene.read("three/out/in.answers.simulated.csv");
    let header = answers.lines().next().expect("a header");
    assert!(header.starts_with("sku,title,title (French),title (German),title (Thai)"), "{header}");
    assert!(answers.contains("[German] Warm socks"), "{answers}");
    init("none", "Frensh").expect_code(1).says("did you mean French (fr)?");
    let two = init("none", "French,Germn,Qqqqqqqq").expect_code(1);
    two.says("did you mean German (de)?").says("`Qqqqqqqq` is not one of the 92 languages");
    init("none", " , ").expect_code(1).says("name at least one");
    let chat = ["init", "none", "--input", "in.csv", "--model", "qwen-plus", "--languages", "French"];
    scene.run(&chat).expect_code(1).says("qwen-plus is not a translation model");
    assert!(!scene.path("none").exists());
}

#[test]
fn a_column_that_identifies_rows_is_the_id_and_one_that_only_might_is_a_comment() {
    for (input, id, comment) in [
        ("SKU,text\nA-1,one\nA-2,two\n", Some("SKU"), None),
        ("text,order id\none,1\ntwo,2\n", Some("order id"), None),
        ("sku,text\nA-1,one\nA-1,two\n", None, Some("text")),
        ("name,text\nsocks,one long text about socks\nscarf,another about scarves\n", None, Some("name")),
        (
            "name,text\nsocks,one long text about socks\nsocks,another text about socks\n",
            None,
            Some("a column"),
        ),
    ] {
        let scene = Scene::new();
        scene.write("in.csv", input);
        let said = scene.run(&["init", "new", "--input", "in.csv"]).expect_code(0);
        let text = job(&scene, "new");
        let written: toml::Table = text.parse().expect("TOML");
        assert_eq!(written["input"].get("id").and_then(|id| id.as_str()), id, "{text}");
        if let Some(comment) = comment {
            assert!(text.contains(&format!("# id = \"{comment}\"")), "{text}");
        }
        rehearse(&scene, &said).expect_code(0).says("2 ok");
    }
}

#[test]
fn the_languages_are_asked_for_on_a_terminal_and_only_a_wrong_one_again() {
    let scene = Scene::new();
    scene.write("in.csv", "id,text\n1,one\n");
    let (mut child, mut terminal) = on_a_terminal(&scene, &["init", "new", "--input", "in.csv"]);
    for (question, answer) in [
        ("[qwen3.6-plus]: ", "qwen-mt-flash"),
        ("[English]: ", "French, Germn, Qqqqqqqq, ja"),
        ("Instead of `Germn` [German]: ", ""),
        ("Instead of `Qqqqqqqq` [leave it out]: ", "thai"),
        ("Columns to translate, with commas between them [text]: ", ""),
    ] {
        let shown = shown_until(&mut terminal, question);
        assert!(!shown.contains("Instead") || shown.contains("is not one of the 92 languages"), "{shown}");
        terminal.write_all(format!("{answer}\n").as_bytes()).expect("an answer");
    }
    shown_until(&mut terminal, "fanfold run new/job.toml --simulate");
    assert_eq!(child.wait().expect("its end").code(), Some(0));
    let languages = "\nlang = [\"French\", \"German\", \"Thai\", \"Japanese\"]\ncolumn = [\"text\"]\n";
    assert!(job(&scene, "new").contains(languages), "{}", job(&scene, "new"));
}

#[test]
fn an_invalid_draft_is_reported_and_nothing_is_written() {
    let scene = Scene::new();
    scene.write("in.csv", "id,text\n1,one\n");
    scene.write("empty.jsonl", "");
    for (arguments, word) in [
        (&["--input", "inn.csv"][..], "did you mean `in.csv`?"),
        (&["--input", "-"], "name a file"),
        (&["--input", "in.csv", "--prompt", "{{ txt }}"], "did you mean `text`?"),
        (&["--input", "in.csv", "--prompt", "{{ text"], "in: --prompt {{ text"),
        (&["--input", "empty.jsonl"], "--prompt"),
        (&["--input", "*/*/*.csv"], "matches no file"),
    ] {
        scene.run(&[&["init", "new"], arguments].concat()).expect_code(1).says(word);
        assert!(!scene.path("new").exists(), "{arguments:?}");
    }
}

/// A process with a terminal of its own, which does not say how wide it is, and that terminal.
fn on_a_terminal(scene: &Scene, arguments: &[&str]) -> (Child, File) {
    on_a_terminal_of(0, scene, arguments)
}

/// The same, of so many columns.
fn on_a_terminal_of(columns: u16, scene: &Scene, arguments: &[&str]) -> (Child, File) {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&terminal).expect("granted");
    unlockpt(&terminal).expect("unlocked");
    let size = Winsize { ws_row: 0, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&terminal, size).expect("a size");
    let name = ptsname(&terminal, Vec::new()).expect("its name");
    let side =
        || rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("its other side");
    let mut command = scene.command(arguments);
    command.stdin(side()).stdout(Stdio::null()).stderr(side());
    let child = command.spawn().expect("the binary runs");
    drop(command);
    (child, File::from(terminal))
}

/// What the terminal shows until a text comes; a question that never comes ends with the process.
fn shown_until(terminal: &mut File, text: &str) -> String {
    let mut shown = Vec::new();
    while !String::from_utf8_lossy(&shown).contains(text) {
        let mut some = [0; 1024];
        let read = terminal.read(&mut some).unwrap_or(0);
        assert!(read > 0, "{text:?} is not in: {}", String::from_utf8_lossy(&shown));
        shown.extend_from_slice(&some[..read]);
    }
    String::from_utf8_lossy(&shown).into_owned()
}

#[test]
fn three_questions_are_asked_on_a_terminal_and_a_wrong_answer_again() {
    let scene = Scene::new();
    scene.write("in.csv", "id,text\n1,one\n");
    let (mut child, mut terminal) = on_a_terminal(&scene, &["init", "new"]);
    for (question, answer) in [
        ("[a small sample]: ", "inn.csv"),
        ("[a small sample]: ", "in.csv"),
        ("[qwen3.6-plus]: ", "qwen-pluss"),
        ("[qwen3.6-plus]: ", ""),
        ("{{ text }}]: ", "Translate {{ txt }}"),
        ("{{ text }}]: ", "Translate {{ text }}"),
    ] {
        let shown = shown_until(&mut terminal, question);
        for (wrong, told) in [("inn.csv", "did you mean `in.csv`?"), ("txt", "did you mean `text`?")] {
            assert!(!shown.contains(wrong) || shown.contains(told), "{shown}");
        }
        terminal.write_all(format!("{answer}\n").as_bytes()).expect("an answer");
    }
    shown_until(&mut terminal, "fanfold run new/job.toml --simulate");
    assert_eq!(child.wait().expect("its end").code(), Some(0));
    let written: toml::Table = job(&scene, "new").parse().expect("TOML");
    assert_eq!(written["input"]["path"].as_str(), Some("in.csv"));
    assert_eq!(written["model"]["name"].as_str(), Some("qwen3.6-plus"));
    assert_eq!(written["prompt"]["user"].as_str(), Some("Translate {{ text }}"));
}

#[test]
fn settings_given_by_flags_are_not_asked_for_and_leaving_writes_nothing() {
    let scene = Scene::new();
    let (mut child, mut terminal) =
        on_a_terminal(&scene, &["init", "new", "--model", "qwen-flash", "--prompt", "{{ text }}"]);
    let shown = shown_until(&mut terminal, "[a small sample]: ");
    assert!(!shown.contains("Model"), "{shown}");
    // Ctrl-D.
    terminal.write_all(&[4]).expect("the end");
    shown_until(&mut terminal, "nothing is written");
    assert_eq!(child.wait().expect("its end").code(), Some(130));
    assert!(!scene.path("new").exists());
}

#[test]
fn on_a_narrow_terminal_lines_end_between_words() {
    let scene = Scene::new();
    let names: Vec<String> = (0..12).map(|number| format!("column_{number}")).collect();
    scene.write("in.csv", format!("{},text\n{}1,one\n", names.join(","), "1,".repeat(11)));
    let (mut child, mut terminal) =
        on_a_terminal_of(44, &scene, &["init", "new", "--input", "in.csv", "--model", "qwen-plus"]);
    let shown = shown_until(&mut terminal, "]: ");
    terminal.write_all(b"\n").expect("an answer");
    let rest = shown_until(&mut terminal, "fanfold run new/job.toml\r\n");
    assert_eq!(child.wait().expect("its end").code(), Some(0));
    for line in shown.lines().chain(rest.lines()) {
        assert!(line.chars().count() <= 44, "{line}");
    }
}
