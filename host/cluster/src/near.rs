//! Finds the names that are most similar to one that does not exist ("did you mean").

/// Returns up to three names that resemble `wanted`, the best first.
pub(super) fn near<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    const RESEMBLES: f64 = 0.75;
    let mut scored: Vec<(f64, &str)> = names
        .into_iter()
        .map(|name| {
            let contained = !wanted.is_empty() && (name.contains(wanted) || wanted.contains(name));
            let score = strsim::jaro_winkler(wanted, name);
            (if contained { score.max(0.9) } else { score }, name)
        })
        .filter(|(score, name)| *score >= RESEMBLES && !name.is_empty())
        .collect();
    scored.sort_by(|(a, left), (b, right)| b.total_cmp(a).then_with(|| left.cmp(right)));
    scored.truncate(3);
    scored
        .into_iter()
        .map(|(_, name)| name.to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::near;

    #[test]
    fn the_most_similar_names_come_first_and_strangers_not_at_all() {
        let names = ["broker", "brokre", "postgres", "hivemq-broker"];
        assert_eq!(near("broke", names), ["broker", "brokre", "hivemq-broker"]);
        assert!(near("zzz", names).is_empty());
    }
}
