//! Programs that read and write spreadsheets: openpyxl, pandas and LibreOffice, where the machine has them.

use std::env::var_os;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::harness::Scene;

const SCRIPT: &str = include_str!("spreadsheet_programs.py");

/// Where `.ci/run` installs the Python packages.
const PACKAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/spreadsheets");

/// How LibreOffice reads text: UTF-8, all of it quoted where it must be; and that no formula is in it.
pub const COMMA: &str = "Text - txt - csv (StarCalc):44,34,76";

/// The programs, all of which are there.
#[derive(Clone, Copy)]
pub struct Programs(());

impl Programs {
    /// `None`, and a word on standard error, if one is missing.
    pub fn find() -> Option<Self> {
        let mut packages = python();
        let mut office = Command::new("soffice");
        let (packages, office) =
            (packages.args(["-c", "import openpyxl, pandas"]), office.args(["--headless", "--version"]));
        for (name, command) in [("openpyxl and pandas", packages), ("LibreOffice", office)] {
            let run = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
            if !run.is_ok_and(|status| status.success()) {
                eprintln!("not run: {name} cannot be found; .ci/run installs what this needs");
                return None;
            }
        }
        Some(Self(()))
    }

    /// The cells of a spreadsheet, row by row, as openpyxl reads them. Dates are objects.
    pub fn openpyxl(self, file: &Path) -> Vec<Vec<Value>> {
        self.cells("openpyxl", file, None)
    }

    /// The cells of a spreadsheet, or of CSV with this separator, as pandas reads them: empty cells are empty texts.
    pub fn pandas(self, file: &Path, separator: Option<&str>) -> Vec<Vec<Value>> {
        self.cells("pandas", file, separator)
    }

    fn cells(self, command: &str, file: &Path, separator: Option<&str>) -> Vec<Vec<Value>> {
        let output = self.script(command, file, separator);
        serde_json::from_slice(&output).expect("JSON")
    }

    /// Has openpyxl write a spreadsheet with one cell of each kind. `calendar` is the year in which its days begin.
    pub fn write(self, file: &Path, calendar: &str) {
        self.script("write", file, Some(calendar));
    }

    fn script(self, command: &str, file: &Path, more: Option<&str>) -> Vec<u8> {
        let Self(()) = self;
        let output =
            python().args(["-c", SCRIPT, command]).arg(file).args(more).output().expect("Python runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// Has LibreOffice save a file of the scene as another kind: an ending, and after a colon its settings. The copy is in the
    /// folder `saved`.
    pub fn save_as(self, scene: &Scene, name: &str, kind: &str, read_as: Option<&str>) -> PathBuf {
        let profile = format!("-env:UserInstallation=file://{}", scene.path("profile").display());
        let mut command = Command::new("timeout");
        command.args(["300", "soffice", &profile, "--headless", "--convert-to", kind, "--outdir"]);
        command.arg(scene.path("saved")).args(read_as.map(|filter| format!("--infilter={filter}")));
        let output = command.arg(scene.path(name)).output().expect("LibreOffice runs");
        let ending = kind.split(':').next().expect("an ending");
        let saved = scene.path("saved").join(Path::new(name).with_extension(ending));
        assert!(saved.exists(), "{}", String::from_utf8_lossy(&output.stderr));
        saved
    }
}

/// Python, which finds the packages that `.ci/run` has installed.
fn python() -> Command {
    let mut command = Command::new("python3");
    let others = var_os("PYTHONPATH").unwrap_or_default();
    let paths = std::iter::once(PathBuf::from(PACKAGES)).chain(std::env::split_paths(&others));
    command.env("PYTHONPATH", std::env::join_paths(paths).expect("a path"));
    command
}
