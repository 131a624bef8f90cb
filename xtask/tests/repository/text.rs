//! How the repository's text is written: comments fit in 100 columns, doc comments open with what
//! the item is or does, spelling is American, and phrases that read like a translation are
//! rejected.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::tree;

/// Maximum width of a comment in Rust and Python.
const WIDTH: usize = 100;

/// The files that are read, by their extension.
const EXTENSIONS: [&str; 6] = ["rs", "py", "md", "toml", "html", "js"];

/// This file, which has to spell out what it looks for.
const THIS_FILE: &str = "xtask/tests/repository/text.rs";

/// Names that are spelled in the British way on purpose: an alias for users who type it.
const ALLOWED: [(&str, &str); 1] = [("crates/mlp-cli/src/recipe/choices.rs", "optimiser")];

/// Beginnings of British words, each with the American one.
const BEGINNINGS: &str = "
    armour armor, behaviour behavior, colour color, endeavour endeavor, favour favor, flavour flavor,
    harbour harbor, honour honor, humour humor, labour labor, neighbour neighbor, rigour rigor,
    rumour rumor, vapour vapor, vigour vigor,
    centred centered, centre center, fibre fiber, litre liter, calibre caliber, theatre theater,
    metre meter, kilometre kilometer, millimetre millimeter,
    grey gray, catalogue catalog, analysed analyzed, analyser analyzer, analysing analyzing,
    paralyse paralyze, licence license, defence defense, offence offense, pretence pretense,
    practis practic, judgement judgment, acknowledgement acknowledgment, artefact artifact,
    aluminium aluminum, anticlockwise counterclockwise, cheque check, enquir inquir,
    instalment installment, manoeuvr maneuver, mould mold, orientated oriented, plough plow,
    sceptic skeptic, skilful skillful, wilful willful";

/// Whole British words, each with the American one.
const WORDS: &str = "
    ageing aging, amongst among, analyse analyze, dreamt dreamed, focussed focused, fulfil fulfill,
    fulfils fulfills, leapt leaped, learnt learned, maths math, programme program,
    programmes programs, speciality specialty, spelt spelled, towards toward, tyre tire, tyres tires,
    whilst while";

/// Verbs that end in `-ize`, without the ending.
const IZE: &str = "
    author central character custom discret emphas equal factor final general harmon initial local
    material maxim memor minim modern neutral normal optim organ parallel penal polar priorit
    quant random real recogn regular reorgan sanit serial special stabil standard summar symbol
    synchron token util vector visual";

/// Verbs that double their l in British English only.
const ONE_L: &str =
    "cancel channel dial equal fuel label level marshal model signal total travel tunnel unravel";

/// Phrases to avoid, each with what to write instead.
const PHRASES: [(&str, &str); 47] = [
    ("are no", "are not"),
    ("are such", "so that"),
    ("be had", "be obtained, or name the step that fails"),
    ("be it", "even if, or whether"),
    ("be taken for", "be mistaken for, be treated as"),
    ("but for", "except for"),
    ("came to pass", "happened"),
    ("data set", "dataset"),
    ("data sets", "datasets"),
    ("going on with", "resuming, continuing"),
    ("gone on with", "resumed, continued"),
    ("go on with", "resume, continue"),
    ("goes on", "continues, resumes"),
    ("herein", "here, in this"),
    ("in vain", "without success"),
    ("in whatever", "in any"),
    ("is no", "is not a"),
    ("is none of", "is not one of, does not belong to"),
    ("is said in", "is reported in, or active voice"),
    ("is taken for", "is mistaken for, is treated as"),
    ("lest", "so that … not"),
    ("makes of", "computes, predicts, returns"),
    ("mend", "fix"),
    ("mended", "fixed"),
    ("mends", "fixes"),
    ("none of this", "not any of, or name it"),
    ("not taken for", "not mistaken for"),
    ("of which a", "split the sentence"),
    ("of which each", "split the sentence, or each of which"),
    ("of which only", "split the sentence, or only some of which"),
    ("of which the", "split the sentence, or whose"),
    ("say what is", "name the result: classify, describe"),
    ("says what is", "name the result: classifies, describes"),
    ("shall", "must, will"),
    ("so as to", "to, so that"),
    ("surest", "most confident"),
    ("telephone", "phone"),
    ("thereby", "split the sentence"),
    ("there being", "because there is"),
    ("thereof", "of it"),
    ("told from", "separated from"),
    ("was no", "was not a"),
    ("whereby", "split the sentence"),
    ("whereupon", "then"),
    ("who computes", "what computes, or passive voice"),
    ("who multiplies", "which backend multiplies"),
    ("whoever", "the caller, anyone who"),
];

/// Words that may follow "is no".
const AFTER_NO: [&str; 13] = [
    "better", "faster", "fewer", "greater", "higher", "larger", "less", "longer", "lower", "more", "slower",
    "smaller", "worse",
];

#[test]
fn text_is_american_plain_and_at_most_100_columns_wide() {
    let texts = tree::texts("").into_iter().filter(|(path, _)| EXTENSIONS.contains(&extension(path)));
    let found: Vec<String> = texts.flat_map(|(path, text)| faults(&path, &text)).collect();
    assert!(found.is_empty(), "{} faults:\n{}", found.len(), found.join("\n"));
}

/// The faults in the text of a file, each as `path:line: text: what to do`.
fn faults(path: &str, text: &str) -> Vec<String> {
    let comments = match extension(path) {
        "rs" => rust_comments(text),
        "py" => python_comments(text),
        _ => text.lines().map(|_| None).collect(),
    };
    let mut found = Vec::new();
    for (number, (line, comment)) in (1..).zip(text.lines().zip(comments)) {
        let mut advice = Vec::new();
        if let Some(Comment { text, opens_docs }) = comment {
            let columns = line.chars().count();
            if columns > WIDTH && !text.contains("://") && !text.starts_with('|') {
                advice.push(format!("{columns} columns; wrap at {WIDTH}"));
            }
            if opens_docs && ["Of ", "Whether "].iter().any(|word| text.starts_with(word)) {
                advice.push("open with what it is or does: The …, Returns true if …".to_owned());
            }
        }
        if path != THIS_FILE {
            for word in words(line).iter().filter(|word| !ALLOWED.contains(&(path, word.as_str()))) {
                advice.extend(SPELLING.american(word).map(|american| format!("{word}: write {american}")));
            }
            let line = line.to_lowercase().replace('_', " ");
            let phrases = PHRASES.iter().filter(|(phrase, _)| has_phrase(&line, phrase));
            advice.extend(phrases.map(|(phrase, instead)| format!("\"{phrase}\": write {instead}")));
        }
        found.extend(advice.iter().map(|advice| format!("{path}:{number}: {}: {advice}", line.trim())));
    }
    found
}

fn extension(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(_, extension)| extension)
}

/// A line that is a comment or part of a docstring, without its marker.
struct Comment<'a> {
    text: &'a str,
    opens_docs: bool,
}

/// For each line of a Rust source, its comment if the line has nothing else.
fn rust_comments(source: &str) -> Vec<Option<Comment<'_>>> {
    let mut comments = Vec::new();
    let mut last_marker = None;
    for line in source.lines().map(str::trim_start) {
        let marker = ["///", "//!", "//"].into_iter().find(|marker| line.starts_with(marker));
        comments.push(marker.map(|marker| Comment {
            text: line[marker.len()..].trim_start(),
            opens_docs: marker != "//" && Some(marker) != last_marker,
        }));
        last_marker = marker;
    }
    comments
}

/// For each line of a Python source, its comment or its part of a docstring. No other string may
/// begin a line with `"""`.
fn python_comments(source: &str) -> Vec<Option<Comment<'_>>> {
    let mut comments = Vec::new();
    let mut in_docs = false;
    for line in source.lines().map(str::trim_start) {
        if let Some(text) = line.strip_prefix("\"\"\"").filter(|_| !in_docs) {
            comments.push(Some(Comment { text, opens_docs: true }));
            in_docs = !text.contains("\"\"\"");
        } else if in_docs || line.starts_with('#') {
            let text = line.trim_start_matches(['#', ' ']);
            comments.push(Some(Comment { text, opens_docs: false }));
            in_docs &= !line.contains("\"\"\"");
        } else {
            comments.push(None);
        }
    }
    comments
}

/// The words of a line in lower case. Names like `snake_case` and `camelCase` are split.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_lowercase = false;
    for c in line.chars() {
        if !c.is_alphabetic() || c.is_uppercase() && after_lowercase {
            words.push(String::new());
        }
        let word = words.last_mut().expect("never empty");
        word.extend(c.to_lowercase().filter(|_| c.is_alphabetic()));
        after_lowercase = c.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

static SPELLING: LazyLock<Spelling> = LazyLock::new(Spelling::new);

/// British spellings and their American ones, in lower case.
struct Spelling {
    words: BTreeMap<String, String>,
    beginnings: Vec<(&'static str, &'static str)>,
}

impl Spelling {
    fn new() -> Self {
        let pairs = |table: &'static str| table.split(',').filter_map(|pair| pair.trim().split_once(' '));
        let whole = pairs(WORDS).map(|(british, american)| (british.to_owned(), american.to_owned()));
        let mut words: BTreeMap<String, String> = whole.collect();
        for stem in IZE.split_whitespace() {
            for ending in ["e", "ed", "er", "ers", "es", "ing", "ation", "ations", "able"] {
                words.insert(format!("{stem}is{ending}"), format!("{stem}iz{ending}"));
            }
        }
        for verb in ONE_L.split_whitespace() {
            for ending in ["ed", "er", "ers", "ing", "ings"] {
                words.insert(format!("{verb}l{ending}"), format!("{verb}{ending}"));
            }
        }
        Self { words, beginnings: pairs(BEGINNINGS).collect() }
    }

    /// The American spelling of a British word.
    fn american(&self, word: &str) -> Option<String> {
        let beginning = |(british, american): &(&str, &str)| {
            word.strip_prefix(british).map(|rest| format!("{american}{rest}"))
        };
        self.words.get(word).cloned().or_else(|| self.beginnings.iter().find_map(beginning))
    }
}

/// Returns true if the line, in lower case, contains the phrase as whole words.
fn has_phrase(line: &str, phrase: &str) -> bool {
    line.match_indices(phrase).any(|(start, _)| {
        let (before, after) = (&line[..start], &line[start + phrase.len()..]);
        // "There is no file" and "is no longer" are English.
        let is_english = phrase.ends_with(" no")
            && (before.ends_with("there ")
                || AFTER_NO.iter().any(|word| after.trim_start().starts_with(word)));
        !is_english && !before.ends_with(char::is_alphanumeric) && !after.starts_with(char::is_alphanumeric)
    })
}

#[test]
fn every_planted_fault_is_found() {
    let wide = "a ".repeat(WIDTH / 2);
    for (path, text, expected) in [
        ("a.rs", format!("fn a() {{}}\n    // {wide}"), "a.rs:2: // a a"),
        ("a.rs", format!("//! {wide}"), "wrap at 100"),
        ("a.py", format!("\"\"\"Short.\n\n{wide}b\"\"\""), "a.py:3: a a"),
        ("a.py", format!("# {wide}"), "wrap at 100"),
        ("a.rs", "/// Of the random numbers.".to_owned(), "open with"),
        ("a.rs", "//! Whether all is well.".to_owned(), "open with"),
        ("a.py", "    \"\"\"Whether all is well.\"\"\"".to_owned(), "open with"),
        ("a.md", "The gray Colours".to_owned(), "colours: write colors"),
        ("a.rs", "let neighbour_count = gridCentre;".to_owned(), "neighbour: write neighbor"),
        ("a.rs", "let neighbour_count = gridCentre;".to_owned(), "centre: write center"),
        ("a.toml", "# optimisers and their initialisation".to_owned(), "optimisers: write optimizers"),
        (
            "a.toml",
            "# optimisers and their initialisation".to_owned(),
            "initialisation: write initialization",
        ),
        ("a.js", "// labelled, cancelling".to_owned(), "labelled: write labeled"),
        ("a.js", "// labelled, cancelling".to_owned(), "cancelling: write canceling"),
        ("a.html", "<p>learnt".to_owned(), "learnt: write learned"),
        ("a.rs", "fn a_run_that_goes_on() {}".to_owned(), "\"goes on\": write continues"),
        ("a.rs", "\"`x` is no seed\"".to_owned(), "\"is no\": write is not a"),
    ] {
        let found = faults(path, &text);
        assert!(found.iter().any(|fault| fault.contains(expected)), "{path}: {text}: {found:?}");
    }
}

#[test]
fn good_text_has_no_faults() {
    let wide = "a".repeat(WIDTH);
    for (path, text) in [
        ("a.rs", format!("let a = \"{wide}\";\n// https://example.org/{wide}\n/// | {wide} |")),
        ("a.md", wide.clone()),
        ("a.py", format!("a = '{wide}'")),
        ("a.rs", "/// The number\n/// Of the last batch: whether it is whole.".to_owned()),
        (
            "a.rs",
            "// There is no seed, it is no longer used, analyses of parallelism, aria-labelledby".to_owned(),
        ),
        (
            "a.rs",
            "// programmer, optimistic, exercise, cancellation, normal, fulfilled, parameter".to_owned(),
        ),
        ("crates/mlp-cli/src/recipe/choices.rs", "alias = \"optimiser\"".to_owned()),
    ] {
        assert_eq!(faults(path, &text), [""; 0], "{path}: {text}");
    }
}
