//! Turns a page of linker errors into one line that says how to install OpenBLAS. Only the feature
//! `openblas` needs the check: `openblas-static` builds its own copy. With both on, `openblas`
//! wins.

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
        "cargo::error=OpenBLAS was not found. Install it (Debian, Ubuntu: `apt-get install libopenblas-dev`; \
         Fedora: `dnf install openblas-devel`; Arch: `pacman -S openblas`; macOS: `brew install openblas`; \
         inside this repository: `cargo xtask setup`), build it from source (`--no-default-features \
         --features openblas-static`), or do without it, at lower speed (`--no-default-features`)."
    );
    // Check again on the next build: cargo treats a missing file as changed.
    println!("cargo::rerun-if-changed=openblas-was-missing");
}

/// Searches like `openblas-src` and the linker: pkg-config, then the linker's search path.
fn openblas_is_installed() -> bool {
    let pkg_config =
        pkg_config::Config::new().cargo_metadata(false).env_metadata(true).probe("openblas").is_ok();
    pkg_config || !cfg!(unix) || on_linker_path() || brew_has_it()
}

fn on_linker_path() -> bool {
    ["libopenblas.so", "libopenblas.dylib", "libopenblas.a"].iter().any(|file| {
        // `cc` prints the bare name if it finds no such file.
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
