//! The rules that a machine can check. Each sentence is judged alone.

use std::sync::LazyLock;

use regex::Regex;

/// The most words of one sentence. Table cells and list items count as sentences; inline code and addresses
/// don't count.
const MAX_WORDS: usize = 25;

/// Patterns of words that the glossary replaces, and the words to use.
///
/// Add only patterns without an innocent meaning: there is no list of exceptions.
const GLOSSARY: &[(&str, &str)] = &[
    (r"of different times", "version skew, out of date"),
    (
        r"\b(break|breaks|broke|broken|breaking) off\b",
        "interrupted",
    ),
    (r"\bkept parts?\b", "partial download"),
    (r"\boutlines?\b", "manifest"),
    (
        r"\bengines? (of others|that came with)\b",
        "installed engine, bundled engine",
    ),
    (r"\brights\b", "permissions"),
    (
        r"\b(a|the|no|any|this|that) right (to|is|that|in|are)\b",
        "permission",
    ),
    (r"\babilit(y|ies)\b", "capability"),
    (r"\bmakers?\b", "publisher"),
    (r"\bSHA-256 (sum|hash)\b", "digest"),
    (r"\b(set|variables?) to nothing\b", "empty"),
    (r"\bnobody listens\b", "nothing listens"),
    (r"\bleads? nowhere\b", "is connected to /dev/null"),
    (r"\bend(s|ed)? (well|badly)\b", "succeed, fail"),
    (r"\btaken up again\b", "resumed"),
];

/// A noun clause in the place of the subject, or a person without a name.
const SUBJECT: &str = r"^(who|what|whatever|whichever)\b|\bwhoever\b";
/// A range that "can be"; write "must be 1–22".
const RANGE: &str = r"\b[0-9][0-9.,]*( ?- ?| ?– ?| to )[0-9][0-9.,]* (can|may|could) be\b";
/// A comment without a subject, such as "As everybody may."
const FRAGMENT: &str = r"^as (everybody|everyone|anybody|anyone|nobody|somebody) [a-z]+\.$";

static PATTERNS: LazyLock<Vec<(String, Regex)>> = LazyLock::new(|| {
    let glossary = GLOSSARY
        .iter()
        .map(|(pattern, better)| (format!("glossary (use: {better})"), *pattern));
    [
        ("subject", SUBJECT),
        ("range", RANGE),
        ("fragment", FRAGMENT),
    ]
    .into_iter()
    .map(|(rule, pattern)| (rule.to_owned(), pattern))
    .chain(glossary)
    .map(|(rule, pattern)| {
        // Without Unicode tables, which the workspace leaves out of the crate.
        let pattern = Regex::new(&format!("(?i-u){pattern}")).expect("a valid pattern");
        (rule, pattern)
    })
    .collect()
});

/// Returns the rules that a sentence breaks.
pub(super) fn broken(sentence: &str) -> Vec<String> {
    let prose = without_code(sentence);
    let words = words(&prose);
    let mut broken = Vec::new();
    if words > MAX_WORDS {
        broken.push(format!("length ({words} words, at most {MAX_WORDS})"));
    }
    let is_question = prose.trim_end().ends_with('?');
    let text = prose.trim_start_matches(['*', '_', '"', '(', '“']);
    for (rule, pattern) in PATTERNS.iter() {
        if pattern.is_match(text) && !(rule == "subject" && is_question) {
            broken.push(rule.clone());
        }
    }
    broken
}

/// Returns the sentence with a bare pair of backticks for each piece of inline code.
fn without_code(sentence: &str) -> String {
    let parts = sentence.split('`').enumerate();
    let kept: Vec<_> = parts
        .map(|(index, part)| if index % 2 == 0 { part } else { "" })
        .collect();
    kept.join("`")
}

/// Counts the words, without addresses and lone punctuation.
fn words(prose: &str) -> usize {
    let words = prose.split_whitespace();
    words
        .filter(|word| word.contains(char::is_alphanumeric) && !word.contains("://"))
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(sentence: &str) -> Vec<String> {
        let broken = broken(sentence).into_iter();
        broken
            .map(|rule| rule.split(" (").next().unwrap_or_default().to_owned())
            .collect()
    }

    #[test]
    fn a_sentence_begins_with_a_thing_or_a_person() {
        assert_eq!(rules("Who only looks needs `get`."), ["subject"]);
        assert_eq!(rules("**Whatever** is left stays."), ["subject"]);
        assert_eq!(rules("what a route says"), ["subject"]);
        assert_eq!(rules("A hint for whoever runs it."), ["subject"]);
        assert_eq!(rules("What is an engine?"), [""; 0]);
        assert_eq!(rules("Whole files are sent."), [""; 0]);
        assert_eq!(rules("`what` is a flag."), [""; 0]);
    }

    #[test]
    fn a_range_is_what_a_value_must_be() {
        assert_eq!(rules("The level is 30, and 1 to 22 can be."), ["range"]);
        assert_eq!(rules("The level must be 1–22, not 30."), [""; 0]);
        assert_eq!(rules("The file can be signed."), [""; 0]);
    }

    #[test]
    fn a_sentence_has_at_most_so_many_words_outside_code() {
        let longest = ["word"; MAX_WORDS].join(" ");
        assert_eq!(rules(&longest), [""; 0]);
        assert_eq!(rules(&format!("{longest} word")), ["length"]);
        let code = format!("{longest} `word word` – https://example.com/a/b");
        assert_eq!(rules(&code), [""; 0]);
    }

    #[test]
    fn the_glossary_decides_between_two_words() {
        assert_eq!(rules("The two are of different times."), ["glossary"]);
        assert_eq!(rules("The download broke off."), ["glossary"]);
        assert_eq!(rules("A `download broke off` is an error."), [""; 0]);
        assert_eq!(rules("You need the right to create pods."), ["glossary"]);
        assert_eq!(rules("The right pod answers."), [""; 0]);
    }

    #[test]
    fn a_fragment_is_no_comment() {
        assert_eq!(rules("As everybody may."), ["fragment"]);
        assert_eq!(rules("As everybody may read it, so it is."), [""; 0]);
    }
}
