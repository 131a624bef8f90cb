//! Runs other programs, shows or captures their output, and reports failures.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};

thread_local! {
    /// What [`run`] and [`show`] would have printed on this thread, inside [`collect`].
    static COLLECTED: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Calls `work`. What its calls of [`run`] and [`show`] print on this thread is returned instead.
pub(crate) fn collect<T>(work: impl FnOnce() -> T) -> (T, String) {
    COLLECTED.set(Some(String::new()));
    let result = work();
    (result, COLLECTED.take().unwrap_or_default())
}

/// Prints text to stdout.
pub(crate) fn show(text: &str) {
    COLLECTED.with_borrow_mut(|collected| match collected {
        Some(collected) => collected.push_str(text),
        None => {
            print!("{text}");
            // A failure to print does not stop the checks.
            let _ = io::stdout().flush();
        }
    });
}

/// Prints and runs `command`, which inherits stdout and stderr.
///
/// # Errors
/// If it cannot be started or fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let is_collected = COLLECTED.with_borrow(Option::is_some);
    let status = if is_collected {
        let output = capture(command)?;
        show(&format!("$ {}\n{}{}", line(command), text(&output.stderr), text(&output.stdout)));
        output.status
    } else {
        eprintln!("$ {}", line(command));
        command.status().with_context(|| cannot_start(command))?
    };
    if !status.success() {
        bail!("`{}` failed with {status}", line(command));
    }
    Ok(())
}

/// Runs `command` without input and captures its output. The exit code is not checked.
///
/// # Errors
/// If it cannot be started.
pub(crate) fn capture(command: &mut Command) -> Result<Output> {
    command.stdin(Stdio::null()).output().with_context(|| cannot_start(command))
}

/// Runs `command` without input and returns its stdout.
///
/// # Errors
/// If it cannot be started or fails; the message includes its stderr.
pub(crate) fn stdout(command: &mut Command) -> Result<String> {
    let output = capture(command)?;
    if !output.status.success() {
        bail!("`{}` failed with {}:\n{}", line(command), output.status, text(&output.stderr).trim_end());
    }
    Ok(text(&output.stdout))
}

/// Returns true if `command` succeeds. Its output is not shown.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    capture(command).is_ok_and(|output| output.status.success())
}

/// Converts output to text, replacing invalid UTF-8.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Formats `command` as typed in a shell: variables, program name, arguments.
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
    fn a_command_line_shows_variables_name_and_quoted_arguments() {
        let mut command = Command::new("/usr/bin/cargo");
        command.env("RUSTDOCFLAGS", "-Dwarnings").env_remove("CARGO_PKG_NAME").args(["doc", "two words", ""]);
        assert_eq!(line(&command), "RUSTDOCFLAGS=-Dwarnings cargo doc 'two words' ''");
    }

    #[test]
    fn the_error_of_a_failed_program_includes_its_stderr() {
        let error = stdout(Command::new("sh").args(["-c", "echo why it failed >&2; exit 3"])).unwrap_err();
        assert!(error.to_string().contains("why it failed"), "{error}");
        assert!(run(Command::new("sh").args(["-c", "exit 3"])).is_err());
    }

    #[test]
    fn the_output_of_commands_can_be_collected() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo out; echo err >&2; exit 3"]);
        let (result, printed) = collect(|| run(&mut command));
        assert!(result.is_err());
        assert_eq!(printed, "$ sh -c 'echo out; echo err >&2; exit 3'\nerr\nout\n");
    }

    #[test]
    fn the_error_for_a_missing_program_names_it() {
        let error = capture(&mut Command::new("no-such-program-here")).unwrap_err();
        assert!(error.to_string().contains("no-such-program-here"), "{error}");
    }
}
