//! The client against the simulator: whole batches, from the upload to the deletion.

use std::fs;
use std::time::Duration;

use super::{against, file_of, folder, order};
use crate::api::batch::HttpBatchService;
use crate::batch_service::{BatchOrder, BatchService, CreateFault, ProviderBatch};
use crate::clock;
use crate::outcome::FaultKind;
use crate::request::{ChatRequest, Fingerprint};
use crate::simulator::{Handle, Script, ServerSettings, spawn_thread};

fn simulator(script: &str) -> Handle {
    let script = Script::parse(script).expect("a script");
    spawn_thread(ServerSettings { script, ..ServerSettings::default() }).expect("a simulator")
}

fn content(rows: usize) -> String {
    let line = |row: usize| {
        let body = body(row);
        format!(
            "{{\"custom_id\":\"r{row}\",\"method\":\"POST\",\"url\":\"/v1/chat/completions\",\"body\":{body}}}\n"
        )
    };
    (0..rows).map(line).collect()
}

fn body(row: usize) -> String {
    format!(r#"{{"model":"qwen-plus","messages":[{{"role":"user","content":"row {row}"}}]}}"#)
}

async fn end_of(service: &HttpBatchService, id: &str) -> ProviderBatch {
    loop {
        let batch = service.look(id).await.expect("it is known");
        if batch.state.is_end() {
            return batch;
        }
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
}

#[test]
fn a_whole_batch_goes_up_and_its_answers_come_down() {
    let server = simulator("[batch]\ntime = \"60ms\"\n[[fault]]\ncontains = \"row 1\\\"\"\nstatus = 400");
    let folder = folder();
    let (path, to) = (file_of(&folder, &content(4)), folder.path().join("out"));
    against(server.base_url(), async |service| {
        let file = service.upload("ff-1.jsonl", &path).await.expect("uploaded");
        assert_eq!(service.uploaded("ff-1.jsonl").await, Ok(vec![file.clone()]));
        let order = BatchOrder { input_file: file.clone(), ..order() };
        let made = service.create(&order).await.expect("a batch");
        let batch = end_of(&service, &made.id).await;
        assert_eq!((batch.counts.total, batch.counts.completed, batch.counts.failed), (4, 3, 1));
        let since = clock::now();
        let found = service.made_of(&file, "nobody's", since).await.expect("a list");
        assert_eq!(found.iter().map(|batch| &batch.id).collect::<Vec<_>>(), [&made.id]);
        assert_eq!(service.made_of("no file", &order.tag, since).await.expect("a list").len(), 1);
        service.download(batch.output_file.as_deref().expect("a file"), &to).await.expect("down");
        let text = fs::read_to_string(&to).expect("text");
        let request = ChatRequest::of_body(body(0).into_bytes(), Fingerprint([0; 16]));
        let line = text.lines().next().expect("a line").as_bytes();
        assert_eq!(service.custom_id(line).as_deref(), Some("r0"));
        let answer = service.reply(line, &request).expect("an answer");
        assert!(answer.simulated && answer.usage.is_some() && answer.request_id.is_some(), "{answer:?}");
        fs::remove_file(&to).expect("it was there");
        service.download(batch.error_file.as_deref().expect("a file"), &to).await.expect("down");
        let line = fs::read(&to).expect("bytes");
        let fault = service.reply(&line, &request).expect_err("a fault");
        assert_eq!((fault.kind, fault.status, fault.simulated), (FaultKind::RowRefused, Some(400), true));
        service.delete(&file).await.expect("deleted");
        service.delete(&file).await.expect("deleted already");
        assert_eq!(service.uploaded("ff-1.jsonl").await, Ok(vec![]));
        assert_eq!(service.look("batch_unknown").await.expect_err("unknown").status, Some(404));
        assert_eq!(service.cancel(&made.id).await.expect_err("too late").status, Some(409));
    });
}

#[test]
fn a_creation_whose_answer_is_lost_is_found_in_the_list() {
    let server = simulator("[[fault]]\ncall = \"create\"\naction = \"reset\"\ndone = true\ntimes = 1");
    let folder = folder();
    let path = file_of(&folder, &content(2));
    against(server.base_url(), async |service| {
        let file = service.upload("ff-1.jsonl", &path).await.expect("uploaded");
        let order = BatchOrder { input_file: file.clone(), ..order() };
        assert!(matches!(service.create(&order).await, Err(CreateFault::Unknown(_))));
        let found = service.made_of(&file, &order.tag, clock::now()).await.expect("a list");
        assert_eq!((found.len(), found[0].tag.as_deref()), (1, Some(order.tag.as_str())));
    });
}

#[test]
fn a_download_that_breaks_off_is_continued() {
    let server = simulator(
        "[batch]\ntime = \"60ms\"\n[[fault]]\ncall = \"download\"\naction = \"cut_body\"\ntimes = 2",
    );
    let folder = folder();
    let (path, to) = (file_of(&folder, &content(30)), folder.path().join("out"));
    against(server.base_url(), async |service| {
        let file = service.upload("ff-1.jsonl", &path).await.expect("uploaded");
        let made = service.create(&BatchOrder { input_file: file, ..order() }).await.expect("a batch");
        let output = end_of(&service, &made.id).await.output_file.expect("a file");
        let mut faults = 0;
        while let Err(fault) = service.download(&output, &to).await {
            assert_eq!(fault.code, "cut_body");
            faults += 1;
        }
        let text = fs::read_to_string(&to).expect("text");
        let ids: Vec<String> = text.lines().filter_map(|line| service.custom_id(line.as_bytes())).collect();
        let expected: Vec<String> = (0..30).map(|row| format!("r{row}")).collect();
        assert_eq!((faults, ids), (2, expected));
    });
}
