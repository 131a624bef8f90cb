//! How the repository's text is written: comments fit in 100 columns, doc comments open with what
//! the item is or does, spelling is American, and phrases that read like a translation stay out.

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
const PHRASES: [(&str, &str); 45] = [
    ("are no", "are not"),
    ("are such", "so that"),
    ("be had", "be obtained, or name the step that fails"),
    ("be it", "even if, or whether"),
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
    ("lest", "so that … not"),
    ("makes of", "computes, predicts, returns"),
    ("mend", "fix"),
    ("mended", "fixed"),
    ("mends", "fixes"),
    ("none of this", "not any of, or name it"),
    ("of which a", "split the sentence"),
    ("of which each", "split the sentence, or each of which"),
    ("of which only", "split the sentence, or only some of which"),
    ("of which the", "split the sentence, or whose"),
    ("say what is", "name the result: classify, describe"),
    ("says what is", "name the result: classifies, describes"),
    ("shall", "must, will"),
    ("so as to", "to, so that"),
    ("surest", "most confident"),
    ("taken for", "mistaken for, treated as"),
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

/// What may follow "is no" and its like.
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
        _ => Vec::new(),
    };
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mut advice = Vec::new();
        if let Some((_, comment)) = comments.iter().find(|(at, _)| *at == index) {
            let columns = line.chars().count();
            if columns > WIDTH && !comment.text.contains("://") && !comment.text.starts_with('|') {
                advice.push(format!("{columns} columns; wrap at {WIDTH}"));
            }
            if comment.opens_docs && ["Of ", "Whether "].iter().any(|word| comment.text.starts_with(word)) {
                advice
                    .push("open with what the item is or does: \"The …\", \"Returns true if …\"".to_owned());
            }
        }
        if path != THIS_FILE {
            for word in words(line).iter().filter(|word| !ALLOWED.contains(&(path, word.as_str()))) {
                advice.extend(american(word).map(|american| format!("{word}: write {american}")));
            }
            let phrases = PHRASES.iter().filter(|(phrase, _)| has_phrase(line, phrase));
            advice.extend(phrases.map(|(phrase, instead)| format!("\"{phrase}\": write {instead}")));
        }
        found.extend(advice.iter().map(|advice| format!("{path}:{}: {}: {advice}", index + 1, line.trim())));
    }
    found
}

fn extension(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(_, extension)| extension)
}

/// A line that is a comment, or part of a docstring.
struct Comment<'a> {
    text: &'a str,
    opens_docs: bool,
}

fn rust_comments(source: &str) -> Vec<(usize, Comment<'_>)> {
    let mut comments = Vec::new();
    let mut last_marker = "";
    for (index, line) in source.lines().enumerate() {
        let line = line.trim_start();
        let marker = ["///", "//!", "//"].into_iter().find(|marker| line.starts_with(marker)).unwrap_or("");
        if !marker.is_empty() {
            let opens_docs = marker != "//" && marker != last_marker;
            comments.push((index, Comment { text: line[marker.len()..].trim_start(), opens_docs }));
        }
        last_marker = marker;
    }
    comments
}

/// Comments and docstrings. Only a docstring begins with `"""` on a line of its own.
fn python_comments(source: &str) -> Vec<(usize, Comment<'_>)> {
    let mut comments = Vec::new();
    let mut in_docs = false;
    for (index, line) in source.lines().enumerate() {
        let line = line.trim_start();
        let opening = line.strip_prefix("\"\"\"").filter(|_| !in_docs);
        if let Some(text) = opening {
            comments.push((index, Comment { text, opens_docs: true }));
            in_docs = !text.contains("\"\"\"");
        } else if in_docs || line.starts_with('#') {
            comments.push((index, Comment { text: line.trim_start_matches(['#', ' ']), opens_docs: false }));
            in_docs &= !line.contains("\"\"\"");
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

/// The American spelling of a British word in lower case.
fn american(word: &str) -> Option<String> {
    let pairs = |table: &'static str| table.split(',').filter_map(|pair| pair.trim().split_once(' '));
    let whole = pairs(WORDS).find(|(british, _)| word == *british).map(|(_, american)| american.to_owned());
    let beginning = || {
        pairs(BEGINNINGS).find_map(|(british, american)| {
            word.strip_prefix(british).map(|rest| format!("{american}{rest}"))
        })
    };
    let ize = || {
        IZE.split_whitespace().find_map(|stem| {
            let ending = word.strip_prefix(stem)?;
            let is_verb = ["ise", "ised", "iser", "isers", "ises", "ising", "isation", "isations", "isable"]
                .contains(&ending);
            is_verb.then(|| format!("{stem}{}", ending.replacen('s', "z", 1)))
        })
    };
    let one_l = || {
        ONE_L.split_whitespace().find_map(|verb| {
            let ending = word.strip_prefix(verb)?;
            ["led", "ler", "lers", "ling", "lings"]
                .contains(&ending)
                .then(|| format!("{verb}{}", &ending[1..]))
        })
    };
    whole.or_else(beginning).or_else(ize).or_else(one_l)
}

/// Returns true if the phrase is in the line, as words of its own. Underscores in names are spaces.
fn has_phrase(line: &str, phrase: &str) -> bool {
    let line = line.to_lowercase().replace('_', " ");
    line.match_indices(phrase).any(|(start, _)| {
        let (before, after) = (&line[..start], &line[start + phrase.len()..]);
        let is_apart = !before.ends_with(char::is_alphanumeric) && !after.starts_with(char::is_alphanumeric);
        // "There is no file" and "is no longer" are English.
        let is_english = phrase.ends_with(" no")
            && (before.ends_with("there ")
                || AFTER_NO.iter().any(|word| after.trim_start().starts_with(word)));
        is_apart && !is_english
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
