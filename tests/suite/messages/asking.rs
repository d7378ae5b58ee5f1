//! Mistakes with `ask`, and services that do not exist.

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
        ],
    );
}

#[test]
fn services_that_are_not_there() {
    hold(
        "services",
        &[
            mistake("a wrong key").fault("status = 401\ncode = \"InvalidApiKey\"\nmessage = \"Invalid API-key provided.\""),
            mistake("a model that is not there")
                .fault("status = 404\ncode = \"model_not_found\"\nmessage = \"The model does not exist.\""),
            mistake("a model that one may not use")
                .fault("status = 403\ncode = \"Model.AccessDenied\"\nmessage = \"Model access denied.\""),
            mistake("an overdue bill")
                .fault("status = 400\ncode = \"Arrearage\"\nmessage = \"Access denied, please make sure your account is in good standing.\""),
            mistake("a parameter that is refused")
                .job("request.seed = 3")
                .fault("status = 400\ncode = \"invalid_parameter_error\"\nmessage = \"<400> InternalError.Algo.InvalidParameter: seed is wrong.\""),
            mistake("rows that are refused")
                .fault("contains = \"zero\"\nstatus = 400\ncode = \"data_inspection_failed\"\nmessage = \"Input data may contain inappropriate content.\""),
            mistake("a cap on tokens").job("limits.max_total_tokens = 10\nrequest.max_tokens = 5"),
            mistake("nobody at the address").without_server(),
        ],
    );
}
