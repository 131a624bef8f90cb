//! Runs other programs, with their output shown or captured, and reports failures in one form.

use std::fmt::Write as _;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};

/// Runs `command` with its output going where ours goes, after saying what is run.
///
/// # Errors
/// When it cannot be started or ends with another exit code than 0.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    eprintln!("$ {}", line(command));
    let status = command.status().with_context(|| cannot_start(command))?;
    if !status.success() {
        bail!("`{}` ended with {status}", line(command));
    }
    Ok(())
}

/// Runs `command` without input and keeps what it prints, whatever its exit code.
///
/// # Errors
/// When it cannot be started.
pub(crate) fn capture(command: &mut Command) -> Result<Output> {
    command.stdin(Stdio::null()).output().with_context(|| cannot_start(command))
}

/// Runs `command` without input and returns what it printed on stdout.
///
/// # Errors
/// When it cannot be started or ends with another exit code than 0; the message carries its stderr.
pub(crate) fn stdout(command: &mut Command) -> Result<String> {
    let output = capture(command)?;
    if !output.status.success() {
        bail!("`{}` ended with {}:\n{}", line(command), output.status, text(&output.stderr).trim_end());
    }
    Ok(text(&output.stdout))
}

/// Whether `command` ends with exit code 0; what it prints is not shown.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    capture(command).is_ok_and(|output| output.status.success())
}

/// What a program printed, as text.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `command` as one would type it: the variables set for it, the program's name, its arguments.
pub(crate) fn line(command: &Command) -> String {
    let mut line = String::new();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            let _ = write!(line, "{}={} ", name.display(), value.display());
        }
    }
    let program = command.get_program();
    let name = std::path::Path::new(program).file_name().unwrap_or(program);
    let _ = write!(line, "{}", name.display());
    for argument in command.get_args() {
        let argument = argument.to_string_lossy();
        if argument.is_empty() || argument.contains(char::is_whitespace) {
            let _ = write!(line, " '{argument}'");
        } else {
            let _ = write!(line, " {argument}");
        }
    }
    line
}

fn cannot_start(command: &Command) -> String {
    format!("cannot run `{}`; is it installed?", command.get_program().display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_shows_variables_name_and_quoted_arguments() {
        let mut command = Command::new("/usr/bin/cargo");
        command.env("RUSTDOCFLAGS", "-Dwarnings").env_remove("CARGO_PKG_NAME").args(["doc", "two words", ""]);
        assert_eq!(line(&command), "RUSTDOCFLAGS=-Dwarnings cargo doc 'two words' ''");
    }

    #[test]
    fn a_failing_program_is_an_error_that_carries_its_stderr() {
        let error = stdout(Command::new("sh").args(["-c", "echo why it failed >&2; exit 3"])).unwrap_err();
        assert!(error.to_string().contains("why it failed"), "{error}");
        assert!(run(Command::new("sh").args(["-c", "exit 3"])).is_err());
    }

    #[test]
    fn a_missing_program_is_an_error_that_names_it() {
        let error = capture(&mut Command::new("no-such-program-here")).unwrap_err();
        assert!(error.to_string().contains("no-such-program-here"), "{error}");
    }
}
