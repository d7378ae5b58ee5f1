//! Mistakes around a job: keys, model tables, the simulator.

use super::{hold, mistake};

#[test]
fn keys() {
    let elsewhere = ["--base-url", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1"];
    hold(
        "keys",
        &[
            mistake("no key").variable("DASHSCOPE_API_KEY", "").with(&elsewhere),
            mistake("no key in a variable of one's own").job("model.api_key_env = \"MY_KEY\""),
            mistake("a file that is not there").job("model.api_key_file = \"none.key\""),
            mistake("an empty file").job("model.api_key_file = \"a.key\"").file("a.key", "\n"),
            mistake("two words").job("model.api_key_file = \"a.key\"").file("a.key", "sk-secret one\n"),
            mistake("a command that fails").job("model.api_key_command = \"false\""),
            mistake("a command that is not there").job("model.api_key_command = \"no-such-program\""),
            mistake("a command that says nothing").job("model.api_key_command = \"true\""),
        ],
    );
}

#[test]
fn models() {
    hold(
        "models",
        &[
            mistake("a model with a slip").command("models qwen-pluss"),
            mistake("a model of nothing like it").command("models gpt"),
            mistake("a region that is not there").command("models --region bejing"),
            mistake("a table that is not there").command("models --table mine.toml"),
            mistake("a table that is no TOML")
                .file("mine.toml", "[models\n")
                .command("models --table mine.toml"),
            mistake("a table with a wrong date")
                .file("mine.toml", "[models.a]\nfacts_as_of = \"yesterday\"\n")
                .command("models --table mine.toml"),
        ],
    );
}

#[test]
fn the_simulator() {
    let script =
        |what, text: &'static str| mistake(what).file("a.toml", text).command("simulate --script a.toml");
    hold(
        "simulator",
        &[
            mistake("a script that is not there").command("simulate --script a.toml"),
            script("a script that is no TOML", "[[fault]\n"),
            script("a script with an unknown key", "[[fault]]\nstatsu = 500\n"),
            script("a script with an unknown action", "[[fault]]\naction = \"explode\"\n"),
            script("a fault that does nothing", "[[fault]]\ncontains = \"x\"\n"),
            script("a downtime upside down", "[[down]]\nafter = \"3s\"\nuntil = \"1s\"\n"),
            mistake("no latency").command("simulate --latency slow"),
            mistake("no window").command("simulate --window lunar"),
            mistake("no profile").command("simulate --profile openai"),
            mistake("a limit of nothing").command("simulate --qps 0"),
            mistake("a port beyond all").command("simulate --port 70000"),
            mistake("a key that is not set").command("simulate --key-env NO_KEY"),
            mistake("a witness log that cannot be written")
                .command("simulate --witness no/such/folder.jsonl"),
            mistake("an address that is not this machine's").command("simulate --bind 192.0.2.1"),
        ],
    );
}
