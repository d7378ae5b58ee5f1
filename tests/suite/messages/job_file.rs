//! Mistakes on the command line, in the job file, in templates and in requests.

use super::{hold, mistake};

#[test]
fn the_command_line() {
    hold(
        "command_line",
        &[
            mistake("no command").command("--no-such-flag"),
            mistake("a command that is not there").command("rnu job.toml"),
            mistake("a flag with a slip").command("run job.toml --qsp 5"),
            mistake("a flag of another command").command("preview job.toml --fresh"),
            mistake("two job files").command("run job.toml another.toml"),
            mistake("a flag without its value").command("run job.toml --qps"),
            mistake("a word that is none of the flag's").command("run job.toml --progress loud"),
            mistake("two flags that exclude each other").command("run job.toml -q -v"),
            mistake("--set without a value").command("run job.toml --set limits"),
            mistake("--set of a key that is not there").command("run job.toml --set limits.qqps=5"),
            mistake("--set of a key below a value").command("run job.toml --set model.name.first=5"),
            mistake("--set of the API key").command("run job.toml --set model.api_key=sk-secret"),
            mistake("a flag's value of another type").command("run job.toml --qps fast"),
            mistake("a variable's value out of range").variable("FANFOLD_QPM", "-1"),
            mistake("a variable with a slip")
                .variable("FANFOLD_MAXCOST", "5")
                .command("preview job.toml -n 0"),
            mistake("a zone that is none")
                .variable("TZ", "Mars/Phobos")
                .command("run job.toml --until 06:00"),
            mistake("a port that is none").command("run job.toml --base-url https://x.example:99999/v1"),
            mistake("a file of variables with a line that is none")
                .file("night.env", "A=1\nnonsense\n")
                .command("run job.toml --env-file night.env"),
            mistake("a file of variables that is not there").command("run job.toml --env-file night.env"),
            mistake("a page of a command that is not there").command("man exprot"),
            mistake("a shell that is not known").command("completions cmd"),
            mistake("init where a job is already").file("new/job.toml", "").command("init new"),
            mistake("init with an input that is not there").command("init new --input inn.csv"),
        ],
    );
}

#[test]
fn the_job_file() {
    hold(
        "job_file",
        &[
            mistake("no job file").command("run jbo.toml"),
            mistake("a folder in place of the job file").file("jobs/a", "").command("run jobs"),
            mistake("rows in place of the job file").command("run in.csv"),
            mistake("no text").file("job.toml", b"name = \"\xff\"\n".as_slice()),
            mistake("no TOML").job("limits.qps = "),
            mistake("a key twice").job("model.name = \"other\""),
            mistake("an unknown key").job("limits.qpss = 5"),
            mistake("an unknown section").job("[limit]\nqps = 5"),
            mistake("a key of nothing like it").job("limits.colour = 5"),
            mistake("text for a number").job("limits.qps = \"fast\""),
            mistake("a number for text").job("retry.timeout = 30"),
            mistake("text for a list").job("output.select = \"id\""),
            mistake("a number for a table").job("price = 3"),
            mistake("a number below zero").job("limits.max_total_tokens = -1"),
            mistake("no rate").job("limits.qps = 0"),
            mistake("no places").job("limits.concurrency = 0"),
            mistake("no tries").job("retry.max_attempts = 0"),
            mistake("no duration").job("limits.max_duration = \"soon\""),
            mistake("no size").job("input.max_record = \"big\""),
            mistake("a word with a slip").job("input.on_bad_row = \"skp\""),
            mistake("a word of nothing like it").job("input.duplicates = \"merge\""),
            mistake("a backoff upside down").with(&["--set", "retry.max_backoff=1ms"]),
            mistake("a cap on cost without a price").job("limits.max_cost = 1.0"),
            mistake("half a price").job("price.input = 1.0"),
            mistake("prices of a region that is none").job("price.region = \"singapur\""),
            mistake("prices in another currency than the table's")
                .job("price.region = \"singapore\"\nprice.currency = \"CNY\""),
            mistake("a currency that is none").job("price.currency = \"of the realm\""),
            mistake("no input").command("run --output a.csv --model m --prompt p"),
            mistake("no output").command("run --input in.csv --model m --prompt p"),
            mistake("no model").command("run --input in.csv --output a.csv --prompt p"),
            mistake("no prompt")
                .command("run --input in.csv --output a.csv --model m --base-url http://127.0.0.1:9/v1"),
            mistake("address and region").job("model.region = \"beijing\""),
            mistake("a tier beside an address").job("model.tier = \"batch-chat\""),
            mistake("a tier that is not there").job("model.tier = \"batch\""),
            mistake("a tier elsewhere").command(
                "run --input in.csv --output a.csv --model qwen-plus --prompt p --tier batch-chat --region intl",
            ),
            mistake("a tier on a workspace's host").command(
                "run --input in.csv --output a.csv --model qwen-plus --prompt p --tier batch-chat --set \
                 model.workspace=ws-1",
            ),
            mistake("a tier without the model").command(
                "run --input in.csv --output a.csv --model qwen-mt-plus --prompt p --tier batch-chat",
            ),
            mistake("more places than a tier has").command(
                "run --input in.csv --output a.csv --model qwen-plus --prompt p --tier batch-chat \
                 --concurrency 20000",
            ),
            mistake("a region that is not there")
                .command("run --input in.csv --output a.csv --model m --prompt p --region bejing"),
            mistake("an address without encryption").with(&["--base-url", "http://example.com/v1"]),
            mistake("an address that is none").with(&["--base-url", "example.com"]),
            mistake("two places of the key").job("model.api_key_file = \"a\"\nmodel.api_key_env = \"B\""),
            mistake("a header of fanfold's own").job("model.headers = { Authorization = \"x\" }"),
            mistake("a turn of nobody").job("prompt.messages = [{ role = \"system\", content = \"x\" }]"),
            mistake("a model table that is not there").job("model.table = \"mine.toml\""),
            mistake("a model table with a slip").file("models.toml", "[models.a]\ncontxt = \"32k\"\n"),
            mistake("a section of another version").job("[speed]\nfast = true"),
        ],
    );
}

#[test]
fn templates_and_requests() {
    hold(
        "templates_and_requests",
        &[
            mistake("a column that is not there").with(&["--prompt", "Summarise: {{ txt }}"]),
            mistake("a column that is not there, in the job file").job("prompt.system = \"About {{ title }}.\""),
            mistake("a column that a row does not have")
                .file("in.csv", "")
                .file("in.jsonl", "{\"text\":\"a\"}\n{\"test\":\"b\"}\n")
                .with(&["--input", "in.jsonl"]),
            mistake("a template that does not end").job("prompt.system = \"{{ text \""),
            mistake("a block that does not end").job("prompt.system = \"{% if text %}x\""),
            mistake("a filter that is not there").job("prompt.system = \"{{ text | nofilter }}\""),
            mistake("a template that includes another").job("prompt.system = \"{% include 'a' %}\""),
            mistake("a template that imports another").job("prompt.system = \"{% import 'a' as b %}\""),
            mistake("a template that the engine panics at").job("prompt.system = \"{% import 'a' as 'b' %}\""),
            mistake("a template that fails on a row").job("prompt.system = \"{{ 1 / (text | length - 4) }}\""),
            mistake("a loop without an end").job("prompt.system = \"{% for a in range(9000) %}{% for b in range(9000) %}x{% endfor %}{% endfor %}\""),
            mistake("a field that stands elsewhere").job("request.messages = []"),
            mistake("a field with a slip").job("request.temprature = 0"),
            mistake("a value that the API refuses").with(&["--base-url", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "--set", "request.temperature=2"]),
            mistake("thinking and a schema")
                .job("request.enable_thinking = true\nrequest.response_format = { type = \"json_object\" }"),
            mistake("a language that the model does not know")
                .job("request.translation_options = { source_lang = \"auto\", target_lang = \"Englsh\" }")
                .with(&["--model", "qwen-mt-plus"]),
            mistake("a system turn for a translation model")
                .job("prompt.system = \"x\"\nrequest.translation_options = { source_lang = \"auto\", target_lang = \"English\" }")
                .with(&["--model", "qwen-mt-plus"]),
            mistake("rows that bring no request")
                .command("run --input in.csv --output a.csv --model qwen-plus"),
            mistake("a number in a cell that is none")
                .file("in.csv", "id,text,t\nr0,zero,warm\n")
                .job("request.temperature = \"{{ t }}\""),
        ],
    );
}
