//! Looks for OpenBLAS where the build does: pkg-config, the linker's search path, Homebrew. `setup`
//! installs it.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// The matrix multiplication of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    /// The system's OpenBLAS, the default.
    OpenBlas,
    /// Without OpenBLAS.
    PureRust,
}

impl Backend {
    /// The flags for cargo.
    pub(crate) fn cargo_flags(self) -> &'static [&'static str] {
        match self {
            Self::OpenBlas => &[],
            Self::PureRust => &["--no-default-features"],
        }
    }

    /// The name in messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::OpenBlas => "OpenBLAS",
            Self::PureRust => "pure Rust",
        }
    }
}

/// The machine on which to look for OpenBLAS and install it. Tests replace it.
pub(crate) trait System {
    /// The trimmed stdout of `program`, if it exists and succeeds.
    fn ask(&self, program: &str, args: &[&str]) -> Option<String>;
    /// Returns true if `path` is a directory with a file whose name contains `part`.
    fn holds(&self, path: &str, part: &str) -> bool;
    /// Returns true if the build looks for Homebrew's libraries: `openblas-src` does on macOS.
    fn builds_with_homebrew(&self) -> bool;
    /// Runs `command`, which changes the machine.
    ///
    /// # Errors
    /// The last lines of what it printed.
    fn change(&self, command: &[String]) -> Result<(), String>;
}

/// The machine that this program runs on.
pub(crate) struct ThisMachine;

impl System for ThisMachine {
    fn ask(&self, program: &str, args: &[&str]) -> Option<String> {
        let output = Command::new(program).args(args).stdin(Stdio::null()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    fn holds(&self, path: &str, part: &str) -> bool {
        let Ok(mut entries) = fs::read_dir(path) else { return false };
        entries.any(|entry| entry.is_ok_and(|entry| entry.file_name().to_string_lossy().contains(part)))
    }

    fn builds_with_homebrew(&self) -> bool {
        cfg!(target_os = "macos")
    }

    fn change(&self, command: &[String]) -> Result<(), String> {
        let (program, args) = command.split_first().ok_or("no command")?;
        let output =
            Command::new(program).args(args).stdin(Stdio::null()).output().map_err(|e| e.to_string())?;
        if output.status.success() {
            return Ok(());
        }
        let printed = [output.stdout, output.stderr].concat();
        let printed = String::from_utf8_lossy(&printed);
        let lines: Vec<&str> = printed.lines().filter(|line| !line.trim().is_empty()).collect();
        Err(lines[lines.len().saturating_sub(4)..].join("\n"))
    }
}

/// What a build with OpenBLAS needs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Look {
    /// The OpenBLAS that was found, and how.
    pub(crate) openblas: Option<String>,
    /// True if there is a C compiler, which Rust needs as linker.
    pub(crate) compiler: bool,
}

impl Look {
    /// Returns true if nothing is missing.
    pub(crate) fn complete(&self) -> bool {
        self.openblas.is_some() && self.compiler
    }

    /// One line: what was found and what is missing.
    pub(crate) fn describe(&self) -> String {
        let openblas = self.openblas.as_deref().unwrap_or("no OpenBLAS");
        if self.compiler { openblas.to_owned() } else { format!("{openblas}, no C compiler (cc)") }
    }
}

/// The backend that this machine can build without installing anything.
pub(crate) fn available() -> Backend {
    if look(&ThisMachine).complete() { Backend::OpenBlas } else { Backend::PureRust }
}

/// Looks for OpenBLAS and a C compiler.
pub(crate) fn look(system: &impl System) -> Look {
    let pkg_config = || {
        let version = system.ask("pkg-config", &["--modversion", "openblas"])?;
        Some(format!("OpenBLAS {version} (pkg-config)"))
    };
    let linker = || {
        // `cc` answers with the bare name when it has no such file.
        ["libopenblas.so", "libopenblas.dylib", "libopenblas.a"].iter().find_map(|file| {
            let path = system.ask("cc", &[&format!("-print-file-name={file}")])?;
            Path::new(&path).is_absolute().then(|| format!("OpenBLAS ({path})"))
        })
    };
    let brew = || {
        if !system.builds_with_homebrew() {
            return None;
        }
        let prefix = system.ask("brew", &["--prefix", "--installed", "openblas"])?;
        Some(format!("OpenBLAS ({prefix})"))
    };
    Look {
        openblas: pkg_config().or_else(linker).or_else(brew),
        compiler: system.ask("cc", &["--version"]).is_some(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::RefCell;

    use super::*;

    /// A machine of prepared answers. It records changes, and each adds its answers.
    #[derive(Default)]
    pub(crate) struct Fake {
        /// Command lines and answers.
        pub(crate) answers: RefCell<Vec<(String, String)>>,
        /// Directories with matching files.
        pub(crate) directories: Vec<String>,
        /// Changes that succeed, with the answers that they add.
        pub(crate) installs: Vec<(String, Vec<(String, String)>)>,
        /// True for a Mac.
        pub(crate) mac: bool,
        /// The changes made, in order.
        pub(crate) changes: RefCell<Vec<String>>,
    }

    impl Fake {
        pub(crate) fn with(self, command: &str, answer: &str) -> Self {
            self.answers.borrow_mut().push((command.to_owned(), answer.to_owned()));
            self
        }
    }

    impl System for Fake {
        fn ask(&self, program: &str, args: &[&str]) -> Option<String> {
            let line = format!("{program} {}", args.join(" "));
            let answers = self.answers.borrow();
            answers.iter().find(|(command, _)| *command == line).map(|(_, answer)| answer.clone())
        }

        fn holds(&self, path: &str, _part: &str) -> bool {
            self.directories.iter().any(|directory| directory == path)
        }

        fn builds_with_homebrew(&self) -> bool {
            self.mac
        }

        fn change(&self, command: &[String]) -> Result<(), String> {
            let line = command.join(" ");
            self.changes.borrow_mut().push(line.clone());
            let install = self.installs.iter().find(|(known, _)| *known == line);
            let (_, brings) = install.ok_or_else(|| "E: cannot do that".to_owned())?;
            self.answers.borrow_mut().extend(brings.iter().cloned());
            Ok(())
        }
    }

    #[test]
    fn pkg_config_is_asked_first() {
        let machine = Fake::default()
            .with("pkg-config --modversion openblas", "0.3.21")
            .with("cc -print-file-name=libopenblas.so", "/usr/lib/libopenblas.so")
            .with("cc --version", "gcc");
        let look = look(&machine);
        assert_eq!(look.describe(), "OpenBLAS 0.3.21 (pkg-config)");
        assert!(look.complete());
    }

    #[test]
    fn without_pkg_config_the_linker_is_asked() {
        let machine = Fake::default()
            .with("cc -print-file-name=libopenblas.so", "libopenblas.so")
            .with("cc -print-file-name=libopenblas.a", "/usr/lib/libopenblas.a")
            .with("cc --version", "gcc");
        assert_eq!(look(&machine).describe(), "OpenBLAS (/usr/lib/libopenblas.a)");
    }

    #[test]
    fn a_bare_name_from_the_linker_is_not_a_library() {
        let machine = Fake::default()
            .with("cc -print-file-name=libopenblas.so", "libopenblas.so")
            .with("cc --version", "gcc");
        let look = look(&machine);
        assert_eq!(look.describe(), "no OpenBLAS");
        assert!(!look.complete());
    }

    #[test]
    fn openblas_without_a_compiler_is_not_complete() {
        let machine = Fake { mac: true, ..Fake::default() }
            .with("brew --prefix --installed openblas", "/opt/homebrew/opt/openblas");
        let look = look(&machine);
        assert_eq!(look.describe(), "OpenBLAS (/opt/homebrew/opt/openblas), no C compiler (cc)");
        assert!(!look.complete());
    }

    #[test]
    fn homebrew_counts_only_where_the_build_looks_for_it() {
        let machine = Fake::default().with("brew --prefix --installed openblas", "/home/linuxbrew/openblas");
        assert_eq!(look(&machine).openblas, None);
    }

    #[test]
    fn the_error_of_a_change_is_what_it_printed() {
        let command = ["sh", "-c", "echo the reason >&2; exit 1"].map(str::to_owned);
        assert_eq!(ThisMachine.change(&command), Err("the reason".to_owned()));
    }
}
