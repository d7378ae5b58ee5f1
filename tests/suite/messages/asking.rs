//! Mistakes with `ask`, and services that are not there.

use super::{hold, mistake};

#[test]
fn ask() {
    hold(
        "ask",
        &[
            mistake("nothing asked").command("ask"),
            mistake("a request that is no JSON").command("ask --request {"),
            mistake("a request that is no object").command("ask --request []"),
            mistake("a request in a file that is not there").command("ask --request @a.json"),
            mistake("a question and a request").command("ask Why? --request {}"),
            mistake("a key of a job").command("ask Why? --simulate --set input.path=a.csv"),
            mistake("a field with a slip").command("ask Why? --set request.temprature=0"),
            mistake("a region that is not there").command("ask Why? --region bejing"),
            mistake("no key").command("ask Why?").variable("DASHSCOPE_API_KEY", ""),
            mistake("nobody at the address").command("ask Why? --base-url http://127.0.0.1:9/v1"),
            mistake("a host that is not there")
                .command("ask Why? --base-url https://no-such-host.invalid/v1"),
        ],
    );
}

#[test]
fn services_that_are_not_there() {
    hold(
        "services",
        &[
            mistake("nobody at the address").without_server(),
            mistake("a host that is not there").with(&["--base-url", "https://no-such-host.invalid/v1"]),
        ],
    );
}
