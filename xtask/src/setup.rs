//! `cargo xtask setup`: installs what a build with OpenBLAS needs, or falls back to pure Rust and
//! says why. Also installs Open MPI, and the browser that a check needs. `openblas` looks for
//! OpenBLAS.

use std::process::ExitCode;

use crate::openblas::{self, Backend, System, ThisMachine};

/// A package manager, its arguments for installing, and its packages, separated by spaces.
struct Manager {
    program: &'static str,
    install: &'static str,
    openblas: &'static str,
    compiler: &'static str,
    /// Chromium and ChromeDriver; empty if the manager has no packages for them.
    browser: &'static str,
    /// Open MPI with its headers, and libclang, which generates their bindings.
    mpi: &'static str,
}

const fn manager(
    program: &'static str,
    install: &'static str,
    openblas: &'static str,
    compiler: &'static str,
    browser: &'static str,
    mpi: &'static str,
) -> Manager {
    Manager { program, install, openblas, compiler, browser, mpi }
}

/// In the order of preference.
const MANAGERS: [Manager; 7] = [
    manager(
        APT,
        "-oDPkg::Lock::Timeout=120 install -y -qq --no-install-recommends",
        "libopenblas-dev pkg-config",
        "gcc libc6-dev",
        "chromium chromium-driver",
        "libopenmpi-dev openmpi-bin libclang-dev",
    ),
    manager(
        "dnf",
        "install -y -q",
        "openblas-devel pkgconf-pkg-config",
        "gcc",
        "chromium chromedriver",
        "openmpi-devel clang-devel",
    ),
    manager(
        "yum",
        "install -y -q",
        "openblas-devel pkgconfig",
        "gcc",
        "chromium chromedriver",
        "openmpi-devel clang-devel",
    ),
    manager("pacman", "-S --noconfirm --needed", "openblas pkgconf", "gcc", "chromium", "openmpi clang"),
    manager(
        "zypper",
        "--non-interactive install",
        "openblas-devel pkg-config",
        "gcc",
        "chromium chromedriver",
        "openmpi-devel clang-devel",
    ),
    manager(
        "apk",
        "add --no-cache",
        "openblas-dev pkgconf",
        "gcc musl-dev",
        "chromium chromium-chromedriver",
        "openmpi-dev openmpi clang-dev",
    ),
    manager(HOMEBREW, "install --quiet", "openblas pkgconf", "", "", "open-mpi llvm"),
];

/// The manager that must not run as root.
const HOMEBREW: &str = "brew";

/// The manager that does not download its package lists by itself.
const APT: &str = "apt-get";

/// Where apt-get keeps its lists, and a part of their names.
const APT_LISTS: (&str, &str) = ("/var/lib/apt/lists", "_Packages");

/// The names of Chromium.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Looks for OpenBLAS and installs what is missing, if possible.
pub(crate) fn ensure() -> Backend {
    ensure_on(&ThisMachine, &mut |line| eprintln!("setup: {line}"))
}

/// Looks for OpenBLAS without installing it: exit code 0 if nothing is missing, else 1.
pub(crate) fn check() -> ExitCode {
    let look = openblas::look(&ThisMachine);
    eprintln!("setup: {}", look.describe());
    if look.complete() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Looks for what a build with MPI needs, and installs it unless `only_look`: exit code 0 if
/// nothing is missing, else 1.
pub(crate) fn mpi(only_look: bool) -> ExitCode {
    let found = if only_look {
        look_for_mpi(&ThisMachine)
    } else {
        ensure_mpi_on(&ThisMachine, &mut |line| eprintln!("setup: {line}"))
    };
    match found {
        Ok(found) => eprintln!("setup: {found}"),
        Err(reason) => {
            eprintln!("setup: {reason}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// Describes the Open MPI that a build with the feature `mpi` uses.
///
/// # Errors
/// What is missing.
pub(crate) fn available_mpi() -> Result<String, String> {
    look_for_mpi(&ThisMachine)
}

/// Looks for Chromium and its driver and installs them if they are missing.
///
/// # Errors
/// Why they cannot be installed.
pub(crate) fn ensure_browser() -> Result<(), String> {
    ensure_browser_on(&ThisMachine, &mut |line| eprintln!("setup: {line}"))
}

fn ensure_on(system: &impl System, say: &mut dyn FnMut(&str)) -> Backend {
    let mut look = openblas::look(system);
    if !look.complete() {
        let packages = |manager: &Manager| {
            let openblas = if look.openblas.is_none() { manager.openblas } else { "" };
            let compiler = if look.compiler { "" } else { manager.compiler };
            [openblas, compiler]
        };
        if let Err(reason) = install(system, &look.describe(), packages, say) {
            say(&format!("{}; {reason}; continuing in pure Rust: slower, same results", look.describe()));
            return Backend::PureRust;
        }
        look = openblas::look(system);
        if !look.complete() {
            say(&format!("still {} after installing; continuing in pure Rust", look.describe()));
            return Backend::PureRust;
        }
    }
    say(&look.describe());
    Backend::OpenBlas
}

fn look_for_mpi(system: &impl System) -> Result<String, String> {
    let version = system.ask("mpirun", &["--version"]).filter(|text| text.contains("Open MPI"));
    let version = version.as_deref().and_then(|text| text.lines().next()).map(str::to_owned);
    let headers = system.ask("mpicc", &["--showme:compile"]);
    // Where bindgen looks. Not libclang-cpp, which it cannot use.
    let listed = "for d in /usr/lib* /usr/lib*/* /usr/lib*/*/*; do ls $d/libclang.so* $d/libclang-[0-9]*; done \
                  2>/dev/null | grep .";
    let libclang = system.ask("sh", &["-c", listed]).or_else(|| system.ask("brew", &["--prefix", "llvm"]));
    match (version, headers, libclang) {
        (Some(version), Some(_), Some(_)) => Ok(version),
        (None, ..) => Err("no Open MPI (mpirun)".to_owned()),
        (_, None, _) => Err("no headers of Open MPI (mpicc)".to_owned()),
        (.., None) => Err("no libclang".to_owned()),
    }
}

fn ensure_mpi_on(system: &impl System, say: &mut dyn FnMut(&str)) -> Result<String, String> {
    let Err(missing) = look_for_mpi(system) else { return look_for_mpi(system) };
    install(system, &missing, |manager| [manager.mpi, ""], say)
        .map_err(|reason| format!("{missing}; {reason}"))?;
    look_for_mpi(system).map_err(|missing| format!("still {missing} after installing"))
}

fn ensure_browser_on(system: &impl System, say: &mut dyn FnMut(&str)) -> Result<(), String> {
    let is_there = || {
        let answers = |program: &str| system.ask(program, &["--version"]).is_some();
        BROWSERS.into_iter().any(answers) && answers("chromedriver")
    };
    let missing = "no Chromium with ChromeDriver";
    if is_there() {
        return Ok(());
    }
    install(system, missing, |manager| [manager.browser, ""], say)
        .map_err(|reason| format!("{missing}; {reason}"))?;
    if is_there() { Ok(()) } else { Err(format!("still {missing} after installing")) }
}

/// Installs packages with this machine's package manager. Says each command before running it.
fn install(
    system: &impl System,
    found: &str,
    packages: impl FnOnce(&Manager) -> [&'static str; 2],
    say: &mut dyn FnMut(&str),
) -> Result<(), String> {
    let manager = MANAGERS.iter().find(|manager| system.ask(manager.program, &["--version"]).is_some());
    let manager = manager.ok_or("no known package manager")?;
    let packages = packages(manager).join(" ");
    if packages.trim().is_empty() {
        return Err(format!("{} has no package for it", manager.program));
    }
    let install = format!("{} {} {}", manager.program, manager.install, packages.trim());

    let needs_no_sudo = manager.program == HOMEBREW || system.ask("id", &["-u"]).as_deref() == Some("0");
    if !needs_no_sudo && system.ask("sudo", &["-n", "true"]).is_none() {
        return Err(format!("installing needs root: `sudo {install}`"));
    }
    let prefix = if needs_no_sudo { "" } else { "sudo -n " };
    let mut run = |command: &str| {
        let command = format!("{prefix}{command}");
        say(&format!("{found}: {command}"));
        let words: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
        system.change(&words).map_err(|printed| format!("`{command}` failed: {printed}"))
    };
    if manager.program != APT {
        return run(&install);
    }
    // Old lists may name packages that are no longer offered: then update them and try again.
    if system.holds(APT_LISTS.0, APT_LISTS.1) && run(&install).is_ok() {
        return Ok(());
    }
    // A single broken source makes the update fail, although the other lists have arrived.
    let updated = run("apt-get update -qq");
    run(&install).map_err(|reason| updated.err().unwrap_or(reason))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openblas::tests::Fake;

    const INSTALL: &str =
        "apt-get -oDPkg::Lock::Timeout=120 install -y -qq --no-install-recommends libopenblas-dev pkg-config";

    fn debian() -> Fake {
        Fake::default().with("cc --version", "gcc").with("apt-get --version", "apt 2.6")
    }

    fn brings_openblas() -> Vec<(String, String)> {
        vec![("pkg-config --modversion openblas".to_owned(), "0.3.21".to_owned())]
    }

    fn ensure_quietly(machine: &Fake) -> (Backend, Vec<String>) {
        let mut said = Vec::new();
        let backend = ensure_on(machine, &mut |line| said.push(line.to_owned()));
        (backend, said)
    }

    #[test]
    fn nothing_is_installed_on_a_machine_with_openblas() {
        let machine = debian().with("pkg-config --modversion openblas", "0.3.21");
        let (backend, said) = ensure_quietly(&machine);
        assert_eq!(backend, Backend::OpenBlas);
        assert_eq!(said, ["OpenBLAS 0.3.21 (pkg-config)"]);
        assert!(machine.changes.borrow().is_empty());
    }

    #[test]
    fn root_downloads_missing_lists_and_then_installs() {
        let machine = Fake {
            installs: vec![
                ("apt-get update -qq".to_owned(), vec![]),
                (INSTALL.to_owned(), brings_openblas()),
            ],
            ..debian().with("id -u", "0")
        };
        let (backend, said) = ensure_quietly(&machine);
        assert_eq!(backend, Backend::OpenBlas);
        assert_eq!(*machine.changes.borrow(), ["apt-get update -qq", INSTALL]);
        assert_eq!(said.len(), 3, "{said:?}");
    }

    #[test]
    fn existing_lists_are_updated_only_if_the_install_fails() {
        let lists = vec!["/var/lib/apt/lists".to_owned()];
        let installs = vec![(INSTALL.to_owned(), brings_openblas())];
        let machine = Fake { directories: lists.clone(), installs, ..debian().with("id -u", "0") };
        assert_eq!(ensure_quietly(&machine).0, Backend::OpenBlas);
        assert_eq!(*machine.changes.borrow(), [INSTALL]);

        let machine = Fake { directories: lists, ..debian().with("id -u", "0") };
        let (backend, said) = ensure_quietly(&machine);
        assert_eq!(backend, Backend::PureRust);
        assert_eq!(*machine.changes.borrow(), [INSTALL, "apt-get update -qq", INSTALL]);
        assert!(said.last().is_some_and(|line| line.contains("E: cannot do that")), "{said:?}");
    }

    #[test]
    fn other_users_install_with_sudo_if_it_needs_no_password() {
        let sudo_install = format!("sudo -n {INSTALL}");
        let machine = Fake {
            directories: vec!["/var/lib/apt/lists".to_owned()],
            installs: vec![(sudo_install.clone(), brings_openblas())],
            ..debian().with("id -u", "1000").with("sudo -n true", "")
        };
        assert_eq!(ensure_quietly(&machine).0, Backend::OpenBlas);
        assert_eq!(*machine.changes.borrow(), [sudo_install]);
    }

    #[test]
    fn without_root_or_sudo_nothing_is_installed_and_the_command_is_shown() {
        let machine = debian().with("id -u", "1000");
        let (backend, said) = ensure_quietly(&machine);
        assert_eq!(backend, Backend::PureRust);
        assert!(machine.changes.borrow().is_empty());
        assert!(said[0].contains(&format!("sudo {INSTALL}")), "{said:?}");
    }

    #[test]
    fn a_missing_compiler_is_installed_too() {
        let command = format!("{INSTALL} gcc libc6-dev");
        let brings = [brings_openblas(), vec![("cc --version".to_owned(), "gcc".to_owned())]].concat();
        let machine = Fake {
            directories: vec!["/var/lib/apt/lists".to_owned()],
            installs: vec![(command.clone(), brings)],
            ..Fake::default().with("apt-get --version", "apt 2.6").with("id -u", "0")
        };
        assert_eq!(ensure_quietly(&machine).0, Backend::OpenBlas);
        assert_eq!(*machine.changes.borrow(), [command]);
    }

    #[test]
    fn without_a_package_manager_the_build_is_pure_rust() {
        let (backend, said) = ensure_quietly(&Fake::default().with("cc --version", "gcc"));
        assert_eq!(backend, Backend::PureRust);
        assert!(said[0].starts_with("no OpenBLAS; no known package manager"), "{said:?}");
    }

    #[test]
    fn a_browser_is_installed_unless_there_is_one_under_any_name() {
        let quietly = |machine: &Fake| ensure_browser_on(machine, &mut |_| {});
        let there = debian().with("google-chrome --version", "150").with("chromedriver --version", "150");
        assert_eq!(quietly(&there), Ok(()));
        assert!(there.changes.borrow().is_empty());

        let command = INSTALL.replace("libopenblas-dev pkg-config", "chromium chromium-driver");
        let brings = ["chromium --version", "chromedriver --version"]
            .map(|asked| (asked.to_owned(), "150".to_owned()));
        let machine = Fake {
            directories: vec!["/var/lib/apt/lists".to_owned()],
            installs: vec![(command.clone(), brings.to_vec())],
            ..debian().with("id -u", "0").with("chromium-browser --version", "150")
        };
        assert_eq!(quietly(&machine), Ok(()));
        assert_eq!(*machine.changes.borrow(), [command]);
    }

    #[test]
    fn mpi_is_installed_unless_it_is_complete() {
        let quietly = |machine: &Fake| ensure_mpi_on(machine, &mut |_| {});
        let version = "mpirun (Open MPI) 4.1.4\n\nReport bugs to …";
        let parts = [("mpirun --version", version), ("mpicc --showme:compile", "-I/usr/lib/openmpi")];
        let partly =
            |machine: Fake| parts.iter().fold(machine, |machine, (asked, said)| machine.with(asked, said));
        let complete = partly(debian()).with("brew --prefix llvm", "/opt/llvm");
        assert_eq!(quietly(&complete), Ok("mpirun (Open MPI) 4.1.4".to_owned()));
        assert!(complete.changes.borrow().is_empty());

        // libclang is missing.
        let command =
            INSTALL.replace("libopenblas-dev pkg-config", "libopenmpi-dev openmpi-bin libclang-dev");
        let machine = Fake {
            directories: vec!["/var/lib/apt/lists".to_owned()],
            installs: vec![(
                command.clone(),
                vec![("brew --prefix llvm".to_owned(), "/opt/llvm".to_owned())],
            )],
            ..partly(debian()).with("id -u", "0")
        };
        assert_eq!(quietly(&machine), Ok("mpirun (Open MPI) 4.1.4".to_owned()));
        assert_eq!(*machine.changes.borrow(), [command]);

        // Another MPI does not do.
        let other = Fake::default().with("mpirun --version", "HYDRA build details");
        assert_eq!(quietly(&other), Err("no Open MPI (mpirun); no known package manager".to_owned()));
    }

    #[test]
    fn a_browser_that_cannot_be_installed_is_an_error() {
        let error = ensure_browser_on(&Fake::default().with("brew --version", "4"), &mut |_| {}).unwrap_err();
        assert_eq!(error, "no Chromium with ChromeDriver; brew has no package for it");
        // A driver alone is not enough.
        let driver = Fake::default().with("chromedriver --version", "150");
        assert!(ensure_browser_on(&driver, &mut |_| {}).is_err());
        let error = ensure_browser_on(&debian().with("id -u", "1000"), &mut |_| {}).unwrap_err();
        assert!(error.contains("installing needs root: `sudo apt-get"), "{error}");
    }
}
