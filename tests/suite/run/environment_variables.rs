//! Variables of the environment: misspelt ones, the time zone, the proxy for plain addresses; and invalid addresses.

use std::net::TcpListener;

use crate::support::harness::{Finished, Scene};

fn with(scene: &Scene, arguments: &[&str], variables: &[(&str, &str)]) -> Finished {
    let mut command = scene.command(arguments);
    command.envs(variables.iter().copied());
    Finished::from(command.output().expect("the binary runs"))
}

fn scene(more: &str) -> Scene {
    let mut scene = Scene::new();
    scene.rows_and_job(3, more);
    scene
}

#[test]
fn a_variable_that_is_nearly_one_of_fanfold_s_own_is_warned_of_once() {
    let scene = scene("model.api_key_env = \"FANFOLD_MODE\"\n");
    let slip = "FANFOLD_MODLE is not a variable of fanfold, and is ignored";
    let key = ("FANFOLD_MODE", "sk-some-key-of-mine");
    for arguments in
        [&["run", "job.toml"][..], &["preview", "job.toml"], &["run", "job.toml", "--progress", "json"]]
    {
        let finished = with(&scene, arguments, &[("FANFOLD_MODLE", "qwen-max"), key]).expect_code(0);
        assert_eq!(finished.stderr.matches(slip).count(), 1, "{}", finished.stderr);
        assert!(finished.stderr.contains("did you mean FANFOLD_MODEL?"), "{}", finished.stderr);
    }
    let quiet = [
        ("FANFOLD_FAILPOINT", "nowhere=1"),
        ("FANFOLD_SUITE", "x"),
        ("FANFOLD_SNAPSHOTS", "x"),
        ("FANFOLD_SEEDS", "x"),
        ("FANFOLD_WALKS", "x"),
        ("FANFOLD_TEST_JOURNAL", "x"),
        ("FANFOLD_SERVICE_HOST", "10.0.0.1"),
        ("FANFOLD_PORT", "tcp://10.0.0.1:80"),
        ("FANFOLD_PORT_80_TCP_PROTO", "tcp"),
        ("FANFOLD_SIM_SERVICE_PORT", "80"),
        ("FANFOLD_QPS", "100"),
        ("FANFOLD", "x"),
        ("FANFOLD_COLOUR_OF_THE_SKY", "blue"),
        key,
    ];
    let finished = with(&scene, &["preview", "job.toml"], &quiet);
    assert!(!finished.stderr.contains("not a variable"), "{}", finished.stderr);
    // A question lacks it too.
    let url = scene.base_url().to_owned();
    let asked =
        with(&scene, &["ask", "Hello?", "--base-url", &url], &[("FANFOLD_REGON", "beijing")]).expect_code(0);
    asked.says("did you mean FANFOLD_REGION?");
    scene.write("night.env", "FANFOLD_OUPUT=out.jsonl\n");
    scene.write("less.toml", scene.read("job.toml").replace("output.path = \"out.jsonl\"\n", ""));
    let finished = with(&scene, &["run", "less.toml", "--env-file", "night.env"], &[key]).expect_code(1);
    finished.says("did you mean FANFOLD_OUTPUT?").says("no output");
}

#[test]
fn a_tz_that_names_no_zone_is_an_error_where_the_clock_on_the_wall_decides() {
    let wrong = [("TZ", "Mars/Phobos")];
    for (more, line) in [
        ("limits.until = \"06:00\"\n", "job.toml:8:16"),
        ("limits.until = \"2999-01-01 06:00\"\n", "job.toml:8:16"),
        (
            "limits.cap_period = \"day\"\nlimits.max_cost = 5\nprice = { input = 1, output = 1 }\n",
            "job.toml:8:21",
        ),
        ("[[limits.schedule]]\nfrom = \"22:00\"\nto = \"08:00\"\nqps = 5\n", "job.toml:"),
    ] {
        let scene = scene(more);
        let told = with(&scene, &["run", "job.toml"], &wrong).expect_code(1);
        told.says("the variable TZ holds an unknown time zone: `Mars/Phobos`").says("time_zone").says(line);
        assert_eq!(scene.witness_count(), 0);
        // A zone set by the job is used, and finished work can be inspected.
        let own = ["run", "job.toml", "--set", "limits.time_zone=Asia/Singapore"];
        with(&scene, &own, &wrong).expect_code(0);
        with(&scene, &["status", "job.toml"], &wrong).expect_code(0);
    }
    for more in ["", "limits.until = \"2999-01-01T06:00:00Z\"\n"] {
        with(&scene(more), &["run", "job.toml"], &wrong).expect_code(0);
    }
    for right in ["", "Europe/Berlin", "CET-1CEST,M3.5.0,M10.5.0/3", ":UTC"] {
        with(&scene("limits.until = \"06:00\"\n"), &["preview", "job.toml"], &[("TZ", right)]).expect_code(0);
    }
}

#[test]
fn plain_http_beyond_this_machine_goes_through_the_proxy_that_the_environment_names() {
    let scene = scene("");
    // The simulator itself is the proxy: it receives the whole address.
    let proxy = scene.base_url().split('/').take(3).collect::<Vec<_>>().join("/");
    let job = scene.read("job.toml").replace(&proxy, "http://service.example");
    scene.write("job.toml", format!("{job}model.allow_http = true\nretry.max_outage = \"1s\"\n"));
    let line = format!("proxy: {proxy} (");
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        let shown = with(&scene, &["preview", "job.toml"], &[(name, &proxy)]).expect_code(0).stdout;
        assert!(shown.contains(&line), "{name}: {shown}");
    }
    let without: [&[(&str, &str)]; 3] = [
        &[("HTTPS_PROXY", &proxy)],
        &[("HTTP_PROXY", &proxy), ("NO_PROXY", "other.example, service.example")],
        // A web server sets HTTP_PROXY from a stranger's header `Proxy:`.
        &[("HTTP_PROXY", &proxy), ("REQUEST_METHOD", "GET")],
    ];
    for variables in without {
        let shown = with(&scene, &["preview", "job.toml"], variables).expect_code(0).stdout;
        assert!(!shown.contains("proxy:"), "{variables:?}: {shown}");
    }
    with(&scene, &["run", "job.toml"], &[("HTTP_PROXY", &proxy)]).expect_code(0);
    assert_eq!(scene.witness_count(), 3);

    let nobody = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let nobody = format!("http://{nobody}");
    let told = with(&scene, &["run", "job.toml", "--fresh"], &[("http_proxy", &nobody)]).expect_code(4);
    told.says(&format!("through the proxy {nobody}")).says("HTTP_PROXY");

    // This machine is reached without a proxy.
    let mut near = Scene::new();
    near.rows_and_job(3, "");
    let both = [("HTTP_PROXY", nobody.as_str()), ("ALL_PROXY", nobody.as_str())];
    let shown = with(&near, &["preview", "job.toml"], &both).expect_code(0).stdout;
    assert!(!shown.contains("proxy:"), "{shown}");
    with(&near, &["run", "job.toml"], &both).expect_code(0);
}

#[test]
fn an_invalid_port_is_reported_with_its_place() {
    let scene = scene("");
    for (address, told) in [
        ("http://127.0.0.1:99999/v1", "`99999` is not a port"),
        ("https://[::1]:0/v1", "`0` is not a port"),
        ("https://service.example:https/v1", "`https` is not a port"),
        ("https://ser vice.example/v1", "must not contain white space"),
    ] {
        let job = scene.read("job.toml").replace(scene.base_url(), address);
        scene.write("other.toml", job);
        for command in ["run", "preview"] {
            scene.run(&[command, "other.toml"]).expect_code(1).says(told).says("other.toml:4:18");
        }
        scene.run(&["ask", "Hello?", "--base-url", address]).expect_code(1).says(told).says("--base-url");
    }
}
