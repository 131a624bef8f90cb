//! Says in one line what to do when the `openblas` feature is on and the machine has no OpenBLAS, instead of leaving it
//! to a page of linker errors. `openblas-static` brings its own and `_blas` alone links nothing, so neither is looked at; of both,
//! `openblas` wins.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=PKG_CONFIG_PATH");
    println!("cargo::rerun-if-env-changed=LIBRARY_PATH");
    let enabled = |name: &str| std::env::var_os(name).is_some();
    if !enabled("CARGO_FEATURE_OPENBLAS") || enabled("DOCS_RS") || openblas_is_installed() {
        return;
    }
    println!(
        "cargo::error=OpenBLAS was not found on this machine. Install it (Debian, Ubuntu: `apt-get install libopenblas-dev`; Fedora: \
         `dnf install openblas-devel`; Arch: `pacman -S openblas`; macOS: `brew install openblas`; inside this repository `cargo xtask setup` \
         does it), or build without it, slower and otherwise the same: `--no-default-features`, or with one of its own: `--no-default-features --features openblas-static`."
    );
    // Look again at the next build: a file that does not exist is always newer.
    println!("cargo::rerun-if-changed=openblas-was-missing");
}

/// The two ways in which `openblas-src` and the linker come by it: pkg-config, or the linker's own search path.
fn openblas_is_installed() -> bool {
    let pkg_config =
        pkg_config::Config::new().cargo_metadata(false).env_metadata(true).probe("openblas").is_ok();
    pkg_config || !cfg!(unix) || on_linker_path() || brew_has_it()
}

fn on_linker_path() -> bool {
    ["libopenblas.so", "libopenblas.dylib", "libopenblas.a"].iter().any(|file| {
        // `cc` answers with the bare name when it has no such file.
        let answer = Command::new("cc").arg(format!("-print-file-name={file}")).output();
        answer.is_ok_and(|out| Path::new(String::from_utf8_lossy(&out.stdout).trim()).is_absolute())
    })
}

fn brew_has_it() -> bool {
    cfg!(target_os = "macos")
        && Command::new("brew")
            .args(["--prefix", "--installed", "openblas"])
            .output()
            .is_ok_and(|out| out.status.success())
}
