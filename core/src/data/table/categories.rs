//! The categories of a column: declared by the plan, or collected from the file.

use std::collections::HashMap;

/// Numbers for the values of one column.
pub(super) struct Categories {
    names: Vec<String>,
    numbers: HashMap<Vec<u8>, u32>,
    declared: bool,
}

impl Categories {
    /// These and no others, in this order; or, if there are none, those that come.
    pub(super) fn new(declared: &[String]) -> Categories {
        let numbers = declared.iter().map(|name| name.clone().into_bytes()).zip(0..).collect();
        Categories { names: declared.to_vec(), numbers, declared: !declared.is_empty() }
    }

    /// The number of a value: `None` if it is not declared, an error if it is new and no text.
    pub(super) fn number(&mut self, value: &[u8]) -> Result<Option<u32>, std::str::Utf8Error> {
        if let Some(&number) = self.numbers.get(value) {
            return Ok(Some(number));
        }
        let name = std::str::from_utf8(value)?;
        if self.declared {
            return Ok(None);
        }
        let number = self.names.len() as u32;
        self.names.push(name.to_owned());
        self.numbers.insert(value.to_vec(), number);
        Ok(Some(number))
    }

    /// The names so far, for a message.
    pub(super) fn listed(&self) -> String {
        self.names.join(", ")
    }

    /// How many were collected, if they are more than `most`.
    pub(super) fn collected_over(&self, most: usize) -> Option<usize> {
        (!self.declared && self.names.len() > most).then_some(self.names.len())
    }

    /// The names in their final order, and for each number so far its place in that order. Declared names keep
    /// theirs; collected ones are sorted, as numbers if they all are, so that the order of the rows does not matter.
    pub(super) fn finish(self) -> (Vec<String>, Vec<u32>) {
        let mut order: Vec<usize> = (0..self.names.len()).collect();
        if !self.declared {
            let values: Option<Vec<f64>> = self.names.iter().map(|name| name.parse().ok()).collect();
            match values {
                Some(values) => order.sort_by(|&a, &b| {
                    values[a].total_cmp(&values[b]).then_with(|| self.names[a].cmp(&self.names[b]))
                }),
                None => order.sort_by(|&a, &b| self.names[a].cmp(&self.names[b])),
            }
        }
        let mut place = vec![0; order.len()];
        for (at, &number) in (0..).zip(&order) {
            place[number] = at;
        }
        (order.into_iter().map(|number| self.names[number].clone()).collect(), place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collected(values: &[&str]) -> (Vec<String>, Vec<u32>) {
        let mut categories = Categories::new(&[]);
        for value in values {
            categories.number(value.as_bytes()).unwrap().unwrap();
        }
        categories.finish()
    }

    #[test]
    fn collected_names_are_sorted_and_numbers_as_numbers() {
        assert_eq!(collected(&["b", "a", "b"]), (vec!["a".into(), "b".into()], vec![1, 0]));
        assert_eq!(collected(&["10", "9", "9.5"]).0, ["9", "9.5", "10"]);
    }

    #[test]
    fn declared_names_are_all_there_are() {
        let mut categories = Categories::new(&["z".into(), "a".into()]);
        assert_eq!(categories.number(b"a"), Ok(Some(1)));
        assert_eq!(categories.number(b"b"), Ok(None));
        assert!(categories.number(b"\xff").is_err());
        assert_eq!(categories.finish(), (vec!["z".into(), "a".into()], vec![0, 1]));
    }
}
