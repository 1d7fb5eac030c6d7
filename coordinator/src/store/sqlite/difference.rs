//! How two plans differ, for a person to read.

/// The lines of two resolved plans that differ, each with its section: `-` as it was, `+` as it is asked for.
pub(super) fn difference(was: &str, asked: &str) -> String {
    let (was, asked) = (with_sections(was), with_sections(asked));
    let gone = was.iter().filter(|line| !asked.contains(line)).map(|line| format!("- {line}"));
    let new = asked.iter().filter(|line| !was.contains(line)).map(|line| format!("+ {line}"));
    let mut lines: Vec<String> = gone.chain(new).collect();
    // Both values of a key stand together.
    lines.sort_by(|one, other| {
        key(one).cmp(key(other)).then(other.starts_with('-').cmp(&one.starts_with('-')))
    });
    lines.join("\n")
}

fn with_sections(plan: &str) -> Vec<String> {
    let mut section = "";
    let lines = plan.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .filter_map(|line| {
            if line.starts_with('[') {
                section = line;
                return None;
            }
            Some(format!("{section} {line}"))
        })
        .collect()
}

fn key(line: &str) -> &str {
    line[2..].split(" = ").next().unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_values_of_a_key_stand_together() {
        let was = "[federation]\nrounds = 3\nseed = 1\n\n[cohort]\nminimum = 2\n";
        let asked = "[federation]\nrounds = 4\nseed = 1\n\n[cohort]\nminimum = 3\nfraction = 1.0\n";
        let expected = "+ [cohort] fraction = 1.0\n\
                        - [cohort] minimum = 2\n\
                        + [cohort] minimum = 3\n\
                        - [federation] rounds = 3\n\
                        + [federation] rounds = 4";
        assert_eq!(difference(was, asked), expected);
        assert_eq!(difference(was, was), "");
    }
}
