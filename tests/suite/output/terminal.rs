//! The contents of a terminal, as shown by tmux, where it is installed.

use std::process::Command;

use fanfold::simulator::ServerSettings;

use crate::support::harness::{Scene, rows};

/// A command in a terminal of its own, which remains after the command has ended.
struct Terminal {
    socket: String,
}

impl Terminal {
    /// Starts the binary in a terminal of so many columns; `None` where there is no tmux.
    fn start(scene: &Scene, columns: usize, arguments: &str) -> Option<Self> {
        let socket = scene.path("tmux").display().to_string();
        let binary = env!("CARGO_BIN_EXE_fanfold");
        let line = format!("trap : INT; '{binary}' {arguments}; echo \"ended with $?\"; sleep 100");
        let mut command = tmux(&socket);
        command.args(["-f", "/dev/null", "new-session", "-d", "-x", &columns.to_string(), "-y", "30", &line]);
        command.current_dir(scene.path("")).env_remove("TMUX").env("LC_ALL", "C.UTF-8");
        // With the scene's key, as everywhere else.
        let own = scene.command(&[]);
        command.envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let status = command.status().ok()?;
        assert!(status.success(), "{status:?}");
        Some(Self { socket })
    }

    /// What it shows, each line without the blanks at its end.
    fn screen(&self) -> String {
        let output = tmux(&self.socket).args(["capture-pane", "-p"]).output().expect("tmux");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines()
            .map(str::trim_end)
            .filter(|line| !line.is_empty())
            .map(|line| format!("{line}\n"))
            .collect()
    }

    fn press(&self, key: &str) {
        assert!(tmux(&self.socket).args(["send-keys", key]).status().expect("tmux").success());
    }

    /// What it shows once the command has ended.
    fn end(&self, scene: &Scene) -> String {
        scene.wait_until(|| self.screen().contains("ended with "));
        self.screen()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = tmux(&self.socket).arg("kill-server").status();
    }
}

fn tmux(socket: &str) -> Command {
    let mut command = Command::new("tmux");
    command.args(["-S", socket]);
    command
}

fn scene() -> Scene {
    let scene = Scene::new();
    scene.write("in.jsonl", rows(0..200));
    scene.job("in.jsonl", "out.jsonl", "limits.concurrency = 2\n");
    scene
}

/// The signs of a bar.
const BAR: [char; 3] = ['━', '─', '█'];

#[test]
fn no_bar_is_drawn_before_the_input_is_planned() {
    let scene = scene();
    let Some(terminal) = Terminal::start(&scene, 80, "run job.toml --simulate --prompt '{{ txt }}'") else {
        return;
    };
    let screen = terminal.end(&scene);
    assert!(screen.contains("the row has no column `txt`") && screen.contains("ended with 1"), "{screen}");
    assert!(!screen.contains(BAR), "{screen}");
}

#[test]
fn ctrl_c_leaves_no_bar_behind() {
    let latency = "fixed:100ms".parse().expect("a latency");
    let scene = Scene::with(ServerSettings { latency, ..ServerSettings::default() });
    scene.write("in.jsonl", rows(0..200));
    scene.job("in.jsonl", "out.jsonl", "limits.concurrency = 2\n");
    let Some(terminal) = Terminal::start(&scene, 80, "run job.toml") else { return };
    scene.wait_until(|| terminal.screen().contains(BAR) && terminal.screen().contains(" of 200 rows"));
    terminal.press("C-c");
    let screen = terminal.end(&scene);
    assert!(screen.contains("stopping: ") && screen.contains("ended with 130"), "{screen}");
    assert!(!screen.contains(BAR) && !screen.contains(" of 200 rows"), "{screen}");
}

#[test]
fn a_narrow_terminal_breaks_no_word_and_leaves_a_command_in_one_piece() {
    let scene = scene();
    let Some(terminal) = Terminal::start(&scene, 60, "run job.toml --simulate --prompt '{{ txt }}'") else {
        return;
    };
    let screen = terminal.end(&scene);
    for lines in [
        "rehearsal: the built-in simulator answers, at no cost\n",
        "running as fast as the simulator answers; --real-time keeps\n  to the job's limits and hours\n",
        "  in: --prompt {{ txt }}\n                  ^^^\n",
        "  = help: nothing is sent while a row is bad; fix it, or set\n      `on_bad_row = \"skip\"` under [input] to record such\n      rows as failed\n",
    ] {
        assert!(screen.contains(lines), "{screen}");
    }
    drop(terminal);
    // The figures of a preview too; the body of a request is not wrapped.
    let long = "preview job.toml -n 1 --system 'A text that is longer than the terminal has columns, by far'";
    let Some(terminal) = Terminal::start(&scene, 60, long) else { return };
    let screen = terminal.end(&scene);
    assert!(screen.contains(" prompt and 50,000\n  completion tokens (at most 6,553,600)\n"), "{screen}");
    assert!(screen.contains("longer than the terminal ha\ns columns, by far\"\n"), "{screen}");
}
