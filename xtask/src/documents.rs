//! Runs the commands that the documents print. In their `console` blocks, each line after `$ ` that
//! calls `mlp` or curl is run as printed, in order, in a directory of its own, and what it prints
//! is compared with the lines below it.
//!
//! `…` on a line of its own stands for lines that are left out, and `^C` for those before Ctrl-C is
//! pressed. A command without lines below it only has to succeed.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{env, fs};

use anyhow::{Context, Result, bail, ensure};

use crate::process;
use crate::workspace::Workspace;

/// The datasets that the commands use.
pub(crate) const DATASETS: &[&str] = &["mnist", "fashion-mnist"];

/// What stands for the lines before Ctrl-C, and for lines that are left out.
const INTERRUPT: &str = "^C";
const LEFT_OUT: &str = "…";

/// Seconds after which Ctrl-C is pressed.
const PATIENCE: &str = "2";

/// Checks that the commands of all documents succeed and print what the documents say, apart from
/// numbers.
///
/// # Errors
/// When one does not; the message names the document and the line.
pub(crate) fn check(workspace: &Workspace, program: &Path) -> Result<String> {
    let mut commands = 0;
    for path in documents(workspace)? {
        let printed = fs::read_to_string(&path)?;
        let found = rerun(workspace, program, &path, &printed)?;
        for (number, (printed, found)) in printed.lines().zip(found.lines()).enumerate() {
            ensure!(
                words(printed) == words(found),
                "{}, line {}: the program prints `{found}`; `cargo xtask pictures` updates the document",
                path.display(),
                number + 1
            );
        }
        ensure!(printed.lines().count() == found.lines().count(), "{}: lines are missing", path.display());
        commands += printed.lines().filter(|line| line.starts_with("$ ")).count();
    }
    Ok(format!("{commands} commands"))
}

/// Runs the commands of all documents and writes what they print into the documents.
///
/// # Errors
/// When a command fails.
pub(crate) fn rewrite(workspace: &Workspace, program: &Path) -> Result<()> {
    for path in documents(workspace)? {
        let printed = fs::read_to_string(&path)?;
        fs::write(&path, rerun(workspace, program, &path, &printed)?)?;
        eprintln!("{}", path.display());
    }
    Ok(())
}

/// README.md, the guide, and the READMEs of the crates.
fn documents(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let root = workspace.root();
    let mut crates = fs::read_dir(root.join("crates"))?
        .map(|entry| Ok(entry?.path().join("README.md")))
        .collect::<Result<Vec<_>>>()?;
    crates.sort();
    Ok([vec![root.join("README.md"), root.join("docs/guide.md")], crates].concat())
}

/// The text of a document with the output of its commands as they print it now.
fn rerun(workspace: &Workspace, program: &Path, path: &Path, text: &str) -> Result<String> {
    let place = Place::prepare(workspace, program, "documents")?;
    let mut servers = Vec::new();
    let mut rerun = String::new();
    let mut push = |line: &str| {
        rerun.push_str(line);
        rerun.push('\n');
    };
    let mut is_console = false;
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        push(line);
        if line.starts_with("```") {
            is_console = line == "```console";
        }
        let Some(command) = line.strip_prefix("$ ").filter(|_| is_console) else { continue };
        let mut command = command.to_owned();
        while let Some(begun) = command.strip_suffix('\\') {
            let next = lines.next().context("a document ends in the middle of a command")?;
            push(next);
            command = format!("{begun}{}", next.trim_start());
        }
        let mut shown = Vec::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with("$ ") && !line.starts_with("```")) {
            shown.push(line);
        }
        let is_run = ["mlp ", "curl "].iter().any(|program| command.starts_with(program));
        if !is_run {
            shown.into_iter().for_each(&mut push);
            continue;
        }
        let context = || format!("{}: `{command}`", path.display());
        let output = if command.starts_with("mlp serve ") {
            let server = Server::start(&place, &command).with_context(context)?;
            let said = server.said.clone();
            servers.push(server);
            said
        } else {
            place.output(&command, shown.contains(&INTERRUPT)).with_context(context)?
        };
        excerpt(&output, &shown).into_iter().for_each(&mut push);
    }
    Ok(rerun)
}

/// The lines of an output that correspond to those shown: as many before and after a mark, or all.
fn excerpt<'a>(output: &'a str, shown: &[&'a str]) -> Vec<&'a str> {
    let lines: Vec<&str> = output.lines().map(str::trim_end).collect();
    let Some(mark) = shown.iter().position(|line| [INTERRUPT, LEFT_OUT].contains(line)) else {
        return if shown.is_empty() { Vec::new() } else { lines };
    };
    let after = shown.len() - mark - 1;
    if lines.len() < mark + after {
        return lines;
    }
    [&lines[..mark], &[shown[mark]], &lines[lines.len() - after..]].concat()
}

/// The words of a line that do not depend on the machine or the time: those without digits that are
/// not units, in the singular.
fn words(line: &str) -> Vec<&str> {
    let varies = |word: &&str| {
        word.contains(|c: char| c.is_ascii_digit()) || ["s", "ms", "µs", "min", "·", "-"].contains(word)
    };
    line.split_whitespace().filter(|word| !varies(word)).map(|word| word.trim_end_matches('s')).collect()
}

/// A directory like the root of the repository to somebody who follows the documents, with `mlp` on
/// the path.
pub(crate) struct Place {
    directory: PathBuf,
    path: OsString,
}

impl Place {
    /// Empties a directory of this name in the target directory and puts in what the documents
    /// speak of: the datasets, the recipes, and pictures of circles and crosses.
    pub(crate) fn prepare(workspace: &Workspace, program: &Path, name: &str) -> Result<Self> {
        let directory = workspace.target_dir()?.join(name);
        if directory.exists() {
            fs::remove_dir_all(&directory)?;
        }
        fs::create_dir_all(directory.join("data"))?;
        let link = |from: &Path, to: &str| {
            process::stdout(Command::new("ln").arg("-s").arg(from).arg(directory.join(to))).map(drop)
        };
        for dataset in DATASETS {
            link(&workspace.data_dir().join(dataset), &format!("data/{dataset}"))?;
        }
        for part in ["docs", "recipes"] {
            link(&workspace.root().join(part), part)?;
        }
        draw_shapes(&directory.join("drawings"))?;
        let programs = program.parent().context("mlp is in no directory")?.to_owned();
        let others = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths([programs].into_iter().chain(env::split_paths(&others)))?;
        Ok(Self { directory, path })
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// A command line for the shell, to be run here.
    pub(crate) fn shell(&self, line: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", line]);
        self.enter(&mut command);
        command
    }

    /// Lets a command run here.
    pub(crate) fn enter<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command.current_dir(&self.directory).env("PATH", &self.path)
    }

    /// What a command line prints, stdout and stderr as they come.
    fn output(&self, line: &str, is_interrupted: bool) -> Result<String> {
        let (line, expected) = if is_interrupted {
            (format!("timeout --preserve-status --signal INT {PATIENCE} {line}"), 130)
        } else {
            (line.to_owned(), 0)
        };
        let output = process::capture(&mut self.shell(&format!("exec 2>&1\n{line}")))?;
        let text = process::text(&output.stdout);
        if output.status.code() != Some(expected) {
            bail!("{} instead of exit code {expected}:\n{}", output.status, text.trim_end());
        }
        Ok(text)
    }
}

/// 30 circles and 30 crosses of different sizes, in a directory each.
fn draw_shapes(directory: &Path) -> Result<()> {
    const SIDE: i32 = 40;
    type Ink = fn(i32, i32, i32) -> bool;
    let shapes: [(&str, Ink); 2] = [
        ("circle", |x, y, size| (x * x + y * y - size * size).abs() < 3 * size),
        ("cross", |x, y, size| x.abs().max(y.abs()) <= size && (x.abs() - y.abs()).abs() < 3),
    ];
    for (name, has_ink) in shapes {
        let directory = directory.join(name);
        fs::create_dir_all(&directory)?;
        for number in 0..30 {
            let (size, x, y) = (7 + number % 6, 20 - number % 4, 18 + number % 5);
            let places = (0..SIDE * SIDE).map(|place| (place % SIDE - x, place / SIDE - y));
            let pixels = places.map(|(x, y)| if has_ink(x, y, size) { 20 } else { 250 });
            let picture = [format!("P5 {SIDE} {SIDE} 255\n").into_bytes(), pixels.collect()].concat();
            fs::write(directory.join(format!("{number:02}.pgm")), picture)?;
        }
    }
    Ok(())
}

/// A running `mlp serve`, which ends with this value.
pub(crate) struct Server {
    process: Child,
    /// The lines up to the address, which is the last of them.
    said: String,
}

impl Server {
    /// Starts a server and waits for its address.
    pub(crate) fn start(place: &Place, line: &str) -> Result<Self> {
        let mut command = place.shell(&format!("exec 2>&1\nexec {line}"));
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let stdout = process.stdout.take().context("its stdout is not piped")?;
        let mut server = Self { process, said: String::new() };
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            server.said.push_str(&line);
            if line.starts_with("http") {
                return Ok(server);
            }
            server.said.push('\n');
        }
        bail!("it printed no address but `{}`", server.said.trim_end())
    }

    /// The address of its page.
    pub(crate) fn address(&self) -> &str {
        self.said.lines().last().unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_has_as_many_lines_around_the_mark_as_were_shown() {
        let output = "1\n2\n3\n4\n5\n";
        assert_eq!(excerpt(output, &["a", LEFT_OUT, "b", "c"]), ["1", LEFT_OUT, "4", "5"]);
        assert_eq!(excerpt(output, &[INTERRUPT, "b"]), [INTERRUPT, "5"]);
        assert_eq!(excerpt(output, &["a"]), ["1", "2", "3", "4", "5"]);
        assert!(excerpt(output, &[]).is_empty());
    }

    #[test]
    fn lines_that_differ_in_numbers_only_have_the_same_words() {
        assert_eq!(words(" 1/50   70.8  827,214   3.6 s"), words(" 1/50  70.9  900,001  712 ms"));
        assert_eq!(words("SIGINT after 1 complete epoch"), words("SIGINT after 8 complete epochs"));
        assert_ne!(words("test  loss 1"), words("best  loss 1"));
    }
}
