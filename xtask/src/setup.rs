//! `cargo xtask setup`: makes a build with OpenBLAS possible, or settles for pure Rust and says why; and the browser that a check needs. Which
//! package manager calls what by what name is written in [`MANAGERS`]; whether OpenBLAS is on the machine is the business of `openblas`.

use std::process::ExitCode;

use crate::openblas::{self, Backend, System, ThisMachine};

/// A system's package manager and what it calls the things we need.
struct Manager {
    program: &'static str,
    /// Fetches the list of packages, for the manager that does not by itself.
    update: Option<&'static [&'static str]>,
    install: &'static [&'static str],
    openblas: &'static [&'static str],
    compiler: &'static [&'static str],
    /// Chromium and ChromeDriver; empty where that is not a package like others.
    browser: &'static [&'static str],
    needs_root: bool,
}

/// In the order in which they are tried.
const MANAGERS: &[Manager] = &[
    Manager {
        program: "apt-get",
        update: Some(&["update", "-qq"]),
        install: &["-oDPkg::Lock::Timeout=120", "install", "-y", "-qq", "--no-install-recommends"],
        openblas: &["libopenblas-dev", "pkg-config"],
        compiler: &["gcc", "libc6-dev"],
        browser: &["chromium", "chromium-driver"],
        needs_root: true,
    },
    Manager {
        program: "dnf",
        update: None,
        install: &["install", "-y", "-q"],
        openblas: &["openblas-devel", "pkgconf-pkg-config"],
        compiler: &["gcc"],
        browser: &["chromium", "chromedriver"],
        needs_root: true,
    },
    Manager {
        program: "yum",
        update: None,
        install: &["install", "-y", "-q"],
        openblas: &["openblas-devel", "pkgconfig"],
        compiler: &["gcc"],
        browser: &["chromium", "chromedriver"],
        needs_root: true,
    },
    Manager {
        program: "pacman",
        update: None,
        install: &["-S", "--noconfirm", "--needed"],
        openblas: &["openblas", "pkgconf"],
        compiler: &["gcc"],
        browser: &["chromium"],
        needs_root: true,
    },
    Manager {
        program: "zypper",
        update: None,
        install: &["--non-interactive", "install"],
        openblas: &["openblas-devel", "pkg-config"],
        compiler: &["gcc"],
        browser: &["chromium", "chromedriver"],
        needs_root: true,
    },
    Manager {
        program: "apk",
        update: None,
        install: &["add", "--no-cache"],
        openblas: &["openblas-dev", "pkgconf"],
        compiler: &["gcc", "musl-dev"],
        browser: &["chromium", "chromium-chromedriver"],
        needs_root: true,
    },
    Manager {
        program: "brew",
        update: None,
        install: &["install", "--quiet"],
        openblas: &["openblas", "pkgconf"],
        compiler: &[],
        browser: &[],
        needs_root: false,
    },
];

/// What Chromium goes by.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Where apt-get keeps its lists, and what the name of each contains.
const APT_LISTS: (&str, &str) = ("/var/lib/apt/lists", "_Packages");

/// Looks, and installs what is missing if it can.
pub(crate) fn ensure() -> Backend {
    ensure_on(&ThisMachine, &mut |line| eprintln!("setup: {line}"))
}

/// Only looks: exit code 0 if nothing is missing, else 1.
pub(crate) fn check() -> ExitCode {
    let look = openblas::look(&ThisMachine);
    eprintln!("setup: {}", look.describe());
    if look.complete() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Finds a Chromium with its driver, or installs them.
///
/// # Errors
/// Why there are none.
pub(crate) fn ensure_browser() -> Result<(), String> {
    ensure_browser_on(&ThisMachine, &mut |line| eprintln!("setup: {line}"))
}

fn ensure_browser_on(system: &impl System, say: &mut dyn FnMut(&str)) -> Result<(), String> {
    let is_there = || {
        BROWSERS.iter().any(|browser| system.ask(browser, &["--version"]).is_some())
            && system.ask("chromedriver", &["--version"]).is_some()
    };
    let missing = "no Chromium with ChromeDriver";
    if is_there() {
        return Ok(());
    }
    install(system, missing, |manager| manager.browser.to_vec(), say)
        .map_err(|reason| format!("{missing}; {reason}"))?;
    if is_there() { Ok(()) } else { Err(format!("after installing there is still {missing}")) }
}

fn ensure_on(system: &impl System, say: &mut dyn FnMut(&str)) -> Backend {
    let look = openblas::look(system);
    if look.complete() {
        say(&look.describe());
        return Backend::OpenBlas;
    }
    let packages = |manager: &Manager| {
        let mut packages = Vec::new();
        if look.openblas.is_none() {
            packages.extend(manager.openblas);
        }
        if !look.compiler {
            packages.extend(manager.compiler);
        }
        packages
    };
    if let Err(reason) = install(system, &look.describe(), packages, say) {
        say(&format!("{}; {reason}; going on in pure Rust, slower and otherwise the same", look.describe()));
        return Backend::PureRust;
    }
    let look = openblas::look(system);
    if look.complete() {
        say(&look.describe());
        Backend::OpenBlas
    } else {
        say(&format!("after installing there is still {}; going on in pure Rust", look.describe()));
        Backend::PureRust
    }
}

/// Installs the packages that this machine's package manager has for something, saying each command before it is run, and before that what was
/// found.
fn install(
    system: &impl System,
    found: &str,
    packages: impl FnOnce(&Manager) -> Vec<&'static str>,
    say: &mut dyn FnMut(&str),
) -> Result<(), String> {
    let manager = MANAGERS.iter().find(|manager| system.ask(manager.program, &["--version"]).is_some());
    let manager = manager.ok_or("no package manager that this command knows")?;

    let packages = packages(manager);
    if packages.is_empty() {
        return Err(format!("{} is not known to have it", manager.program));
    }
    let mut install = vec![manager.program];
    install.extend(manager.install);
    install.extend(packages);

    let root = !manager.needs_root || system.ask("id", &["-u"]).as_deref() == Some("0");
    let prefix: &[&str] = if root {
        &[]
    } else if system.ask("sudo", &["-n", "true"]).is_some() {
        &["sudo", "-n"]
    } else {
        return Err(format!("installing needs root: `sudo {}`", install.join(" ")));
    };
    let mut run = |command: &[&str]| {
        let command: Vec<String> = prefix.iter().chain(command).map(|&word| word.to_owned()).collect();
        say(&format!("{found}: {}", command.join(" ")));
        system.change(&command).map_err(|printed| format!("`{}` failed: {printed}", command.join(" ")))
    };

    let Some(update) = manager.update else { return run(&install) };
    let update = [&[manager.program], update].concat();
    // One source that is out of order makes the update fail, though the lists of the others have come: the install decides.
    if !system.holds(APT_LISTS.0, APT_LISTS.1) {
        let updated = run(&update);
        return run(&install).map_err(|reason| updated.err().unwrap_or(reason));
    }
    // Lists that are there may be too old to name a package that is still offered.
    run(&install).or_else(|_| {
        let updated = run(&update);
        run(&install).map_err(|reason| updated.err().unwrap_or(reason))
    })
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
    fn a_machine_with_openblas_is_told_so_in_one_line_and_left_alone() {
        let machine = debian().with("pkg-config --modversion openblas", "0.3.21");
        let (backend, said) = ensure_quietly(&machine);
        assert_eq!(backend, Backend::OpenBlas);
        assert_eq!(said, ["OpenBLAS 0.3.21 (pkg-config)"]);
        assert!(machine.changes.borrow().is_empty());
    }

    #[test]
    fn root_installs_and_fetches_the_lists_first_when_there_are_none() {
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
    fn lists_that_are_there_are_fetched_again_only_if_the_install_fails() {
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
    fn others_use_sudo_if_it_asks_for_no_password() {
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
    fn without_root_or_sudo_nothing_is_changed_and_the_remedy_is_said() {
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
    fn without_a_package_manager_pure_rust_goes_on() {
        let (backend, said) = ensure_quietly(&Fake::default().with("cc --version", "gcc"));
        assert_eq!(backend, Backend::PureRust);
        assert!(said[0].starts_with("no OpenBLAS; no package manager"), "{said:?}");
    }

    #[test]
    fn a_browser_is_installed_unless_there_is_one_under_any_of_its_names() {
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
    fn a_browser_that_cannot_be_had_is_an_error_that_says_why() {
        let error = ensure_browser_on(&Fake::default().with("brew --version", "4"), &mut |_| {}).unwrap_err();
        assert_eq!(error, "no Chromium with ChromeDriver; brew is not known to have it");
        // A driver alone is no browser.
        let driver = Fake::default().with("chromedriver --version", "150");
        assert!(ensure_browser_on(&driver, &mut |_| {}).is_err());
        let error = ensure_browser_on(&debian().with("id -u", "1000"), &mut |_| {}).unwrap_err();
        assert!(error.contains("installing needs root: `sudo apt-get"), "{error}");
    }
}
