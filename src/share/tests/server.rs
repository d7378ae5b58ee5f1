//! A Redis or Valkey server of a test's own, on a socket in a folder, where the system has one.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// A server that ends with the test.
pub(super) struct Server {
    child: Child,
    folder: tempfile::TempDir,
}

impl Server {
    /// Starts one; `None`, with a word, where there is none.
    pub(super) fn start() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("s");
        for program in ["redis-server", "valkey-server"] {
            let mut command = Command::new(program);
            command.args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"]).arg(&socket);
            command.current_dir(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
            let Ok(child) = command.spawn() else { continue };
            let server = Self { child, folder };
            for _ in 0..1_000 {
                if std::os::unix::net::UnixStream::connect(server.socket()).is_ok() {
                    return Some(server);
                }
                thread::sleep(Duration::from_millis(5));
            }
            panic!("{program} does not start");
        }
        eprintln!("skipped: neither redis-server nor valkey-server is installed");
        None
    }

    pub(super) fn address(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("s")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
