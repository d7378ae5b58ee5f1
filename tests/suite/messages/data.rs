//! Mistakes in what is read and written: inputs, outputs, journals, glossaries, schemas, tools.

use super::{hold, mistake};

#[test]
fn inputs() {
    hold(
        "inputs",
        &[
            mistake("a file that is not there").with(&["--input", "inn.csv"]),
            mistake("a glob that matches nothing").with(&["--input", "data/*.csv"]),
            mistake("a folder").file("data/a.png", "").with(&["--input", "data"]),
            mistake("a workbook of an older kind").file("in.xls", "PK").with(&["--input", "in.xls"]),
            mistake("no workbook").file("in.xlsx", "PK").with(&["--input", "in.xlsx"]),
            mistake("an ending that says nothing").file("in.dat", "a").with(&["--input", "in.dat"]),
            mistake("two formats").file("b.jsonl", "{}\n").with(&["--input", "in.csv", "--input", "b.jsonl"]),
            mistake("a column of the prompt that another file lacks")
                .file("b.csv", "id,words\n1,a\n")
                .with(&["--input", "in.csv", "--input", "b.csv"]),
            mistake("a column twice").file("in.csv", "id,text,text\n1,a,b\n"),
            mistake("an id that is no column").job("input.id = \"ident\""),
            mistake("an id twice").file("in.csv", "id,text\nr0,a\nr1,b\nr0,c\n").job("input.id = \"id\""),
            mistake("a row without its id").file("in.csv", "id,text\nr0,a\n,b\n").job("input.id = \"id\""),
            mistake("a row with too many cells").file("in.csv", "id,text\nr0,a,b\nr1,b\n"),
            mistake("a quote that is never closed").file("in.csv", "id,text\nr0,\"a\nr1,b\n"),
            mistake("a line that is no JSON")
                .file("in.jsonl", "{\"text\":\"a\"}\n{\"text\":\n{\"text\":1,}\n")
                .with(&["--input", "in.jsonl"]),
            mistake("a line that is no object").file("in.jsonl", "[1]\n").with(&["--input", "in.jsonl"]),
            mistake("one JSON document")
                .file("in.jsonl", "[\n{\"text\":1}\n]\n")
                .with(&["--input", "in.jsonl"]),
            mistake("bytes that are no UTF-8").file("in.csv", b"id,text\nr0,\xe9\n".as_slice()),
            mistake("a Parquet file that is cut")
                .file("in.parquet", "PAR1xx")
                .with(&["--input", "in.parquet"]),
            mistake("a gzip file that is cut")
                .file("in.csv.gz", b"\x1f\x8b\x08\x00".as_slice())
                .with(&["--input", "in.csv.gz"]),
            mistake("a record beyond the longest").job("input.max_record = 4"),
            mistake("nothing on standard input").with(&["--input", "-"]),
        ],
    );
}

#[test]
fn documents() {
    let folder = |title: &'static str| mistake(title).file("in/a.md", "# A").with(&["--input", "in"]);
    hold(
        "documents",
        &[
            folder("documents that cannot be read").file("in/b.txt", "").file("in/c.txt", "\u{1}\u{2}\u{3}"),
            folder("a table too").with(&["--input", "in.csv"]),
            folder("an ending that is no document's").file("b.dat", "").with(&["--input", "b.dat"]),
            folder("standard input too").with(&["--input", "-"]),
            folder("a folder that is not there").with(&["--input", "elsewhere/"]),
            mistake("a table that is declared to be a document").job("input.format = \"document\""),
            mistake("a folder without documents")
                .file("in/a.png", "")
                .job("input.format = \"document\"")
                .with(&["--input", "in"]),
            folder("a column that no document has").with(&["--prompt", "{{ texts }}"]),
            folder("an id that is no column").with(&["--id", "file"]),
            mistake("a word that is no format").job("input.format = \"pfd\""),
            mistake("a name that is no encoding").job("input.encoding = \"utf9\""),
            mistake("a reader without a command").job("input.readers = { pdf = [] }"),
            mistake("a reader for a name").job("input.readers = { \"a.pdf\" = \"cat\" }"),
            mistake("no time to read").job("input.reader_timeout = \"0s\""),
            mistake("a size that is none").job("input.max_document = \"large\""),
            mistake("files of no name").job("output.documents = \"\""),
        ],
    );
}

#[test]
fn outputs_and_journals() {
    hold(
        "outputs_and_journals",
        &[
            mistake("an ending that says nothing").with(&["--output", "out.ods"]),
            mistake("the input").with(&["--output", "in.csv"]),
            mistake("a folder").file("out.csv/a", "").with(&["--output", "out.csv"]),
            mistake("a file for a folder").with(&["--output", "in.csv/out.csv"]),
            mistake("a column that is not there").job("output.select = [\"id\", \"respons\"]"),
            mistake("no column").job("output.select = []"),
            mistake("two columns of one name").job("output.rename = { response = \"text\" }"),
            mistake("an input column called as an answer's").file("in.csv", "id,text,status\nr0,a,b\n"),
            mistake("a journal that is some other file")
                .file("out.jsonl.journal", "hello, this is a text of mine\n"),
            mistake("an empty journal").file("out.jsonl.journal", ""),
            mistake("a job that has not run").command("status job.toml"),
            mistake("an export of a job that has not run").command("export job.toml --output a.csv"),
            mistake("a verification of a job that has not run").command("verify job.toml"),
            mistake("a row that is not there").after("run job.toml").command("status job.toml --row 99"),
            mistake("an export to a name that says nothing")
                .after("run job.toml")
                .command("export job.toml --output a.ods"),
            mistake("a verification after the input grew")
                .after("run job.toml")
                .file("in.csv", "id,text\nr0,zero\nr1,one\nr2,two\nr3,three\n")
                .command("verify job.toml"),
            mistake("an output that was changed")
                .after("run job.toml")
                .file("out.jsonl", "{\"id\":\"r0\"}\n")
                .command("verify job.toml"),
        ],
    );
}

#[test]
fn answers_tools_and_glossaries() {
    let terms = "translation_options = { source_lang = \"auto\", target_lang = \"French\" }\n[glossary]\nterms = \"terms.csv\"";
    let translation = |what, file: &'static str| {
        mistake(what)
            .job(&format!("[request]\n{terms}"))
            .file("terms.csv", file)
            .with(&["--model", "qwen-mt-plus"])
    };
    hold(
        "answers_tools_and_glossaries",
        &[
            mistake("a schema that is not there").job("answer.schema = \"a.json\""),
            mistake("a schema that is no JSON").job("answer.schema = \"a.json\"").file("a.json", "{\"type\": }\n"),
            mistake("a schema that is none").job("answer.schema = \"a.json\"").file("a.json", "{\"type\": \"objekt\"}\n"),
            mistake("a schema that leads elsewhere")
                .job("answer.schema = \"a.json\"")
                .file("a.json", "{\"$ref\": \"https://example.com/a.json\"}\n"),
            mistake("columns of no schema").job("answer.expand = true"),
            mistake("columns of a schema without fields")
                .job("answer.schema = \"a.json\"\nanswer.expand = true")
                .file("a.json", "{\"type\": \"array\"}\n"),
            mistake("repairs of no schema").job("answer.repair = 3"),
            mistake("too many rounds").job("answer.max_rounds = 1000"),
            mistake("a tool without a command").job("tools.weather = {}"),
            mistake("a tool that cannot be run").job("tools.weather.command = \"no-such-program\""),
            mistake("a tool that the request does not define").job(
                "tools.weather.command = \"cat\"\nrequest.tools = [{ type = \"function\", function = { name = \"get_weather\" } }]",
            ),
            mistake("a glossary for another model").job("glossary.terms = \"terms.csv\"").file("terms.csv", "source,target\na,b\n"),
            mistake("a glossary that is not there").job(&format!("[request]\n{terms}")).with(&["--model", "qwen-mt-plus"]),
            translation("a glossary without its columns", "from,to\na,b\n"),
            translation("a glossary with two targets", "source,target\nart,b\nart,c\n"),
            translation("a glossary with an empty source", "source,target\n,b\n"),
            translation("a glossary of which nothing occurs", "source,target\nlighthouse,phare\n").command("preview job.toml -n 0 --model qwen-mt-plus"),
        ],
    );
}
