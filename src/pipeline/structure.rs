//! The schema of a job's answers: read from its file, and inserted into the requests that ask for it.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::diagnostic::Diagnostic;
use crate::job::Job;
use crate::regular;
use crate::schema::{AnswerSchema, Field, name_in_requests};

/// The structure of a job's answers.
#[derive(Debug, Clone, Default)]
pub(super) struct Structure {
    /// The schema that each answer must satisfy, if the job has one.
    pub(super) schema: Option<Arc<AnswerSchema>>,
    /// The fields that become columns.
    pub(super) fields: Vec<Field>,
}

impl Structure {
    /// Reads the schema of a job, and inserts it into the job's request if that asks for a schema without giving one.
    pub(super) fn read(job: &mut Job) -> Result<Self, Diagnostic> {
        let Some(path) = &job.answer.schema else { return Ok(Self::default()) };
        let problem = |message: String| match &job.answer.schema_text {
            Some(text) => text.problem(None, message),
            None => Diagnostic::new(message),
        };
        let name = path.display().to_string();
        let text = regular::read_to_string(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => problem(format!("there is no schema {name}"))
                .help("check the name; paths are relative to the working directory"),
            _ => problem(format!("the schema {name} cannot be read: {error}")),
        })?;
        let schema = AnswerSchema::parse(&text, &name).map_err(|error| problem(error.to_string()))?;
        if job.request.get("n").and_then(Value::as_f64).is_some_and(|n| n > 1.0) {
            return Err(problem("a schema checks one answer, but `request.n` asks for several".into()));
        }
        let fields = match job.answer.expand {
            true => schema.fields().map_err(|error| problem(error.to_string()))?,
            false => Vec::new(),
        };
        complete(&mut job.request, &name_in_requests(&name), schema.as_value());
        Ok(Self { schema: Some(Arc::new(schema)), fields })
    }
}

/// The job's request as it will be, for checks before any file is read: with the schema's name, and a schema that allows
/// everything.
pub(super) fn foreseen(job: &Job) -> Map<String, Value> {
    let mut request = job.request.clone();
    if let Some(path) = &job.answer.schema {
        complete(&mut request, &name_in_requests(&path.to_string_lossy()), &json!({}));
    }
    request
}

/// Completes a `response_format` that asks for a schema without giving one. One that the user wrote out is unchanged.
fn complete(request: &mut Map<String, Value>, name: &str, schema: &Value) {
    let Some(Value::Object(format)) = request.get_mut("response_format") else { return };
    if format.get("type").and_then(Value::as_str) != Some("json_schema") || format.contains_key("json_schema")
    {
        return;
    }
    let carried = json!({ "name": name, "strict": true, "schema": schema });
    format.insert("json_schema".to_owned(), carried);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(request: Value) -> Value {
        let Value::Object(mut request) = request else { panic!("an object") };
        complete(&mut request, &name_in_requests("jobs/a b.json"), &json!({"type": "object"}));
        Value::Object(request)
    }

    #[test]
    fn a_request_that_asks_for_a_schema_and_has_none_gets_the_job_s() {
        let found = completed(json!({"response_format": {"type": "json_schema"}}));
        let schema = json!({"name": "a_b", "strict": true, "schema": {"type": "object"}});
        assert_eq!(found, json!({"response_format": {"type": "json_schema", "json_schema": schema}}));
    }

    #[test]
    fn a_schema_that_the_user_wrote_out_and_any_other_format_stay_as_they_are() {
        for request in [
            json!({"response_format": {"type": "json_schema", "json_schema": {"name": "own", "schema": {}}}}),
            json!({"response_format": {"type": "json_object"}}),
            json!({"response_format": "{{ format }}"}),
            json!({}),
        ] {
            assert_eq!(completed(request.clone()), request);
        }
    }
}
