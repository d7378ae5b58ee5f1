//! The columns of an output for the combinations of `[each]`.

/// How an output holds the answers to a row's combinations.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum EachColumns {
    /// Rows have one answer.
    #[default]
    None,
    /// A column of responses for each combination.
    Wide {
        /// The names of these columns.
        responses: Vec<String>,
        /// What precedes `_` and the name of a field of the answer.
        prefixes: Vec<String>,
    },
    /// A row for each combination.
    Long {
        /// The names of the columns for its values.
        names: Vec<String>,
        /// The values of each combination.
        values: Vec<Vec<String>>,
    },
}

impl EachColumns {
    /// The columns for the values of a combination.
    pub(super) fn names(&self) -> &[String] {
        match self {
            Self::Long { names, .. } => names,
            Self::None | Self::Wide { .. } => &[],
        }
    }

    /// The columns of responses.
    pub(super) fn responses(&self) -> &[String] {
        match self {
            Self::Wide { responses, .. } => responses,
            Self::None | Self::Long { .. } => &[],
        }
    }

    /// The name of the column for a field of the answer to a combination.
    pub(super) fn field(&self, combination: usize, field: &str) -> String {
        match self {
            Self::Wide { prefixes, .. } => format!("{}_{field}", prefixes[combination]),
            Self::None | Self::Long { .. } => field.to_owned(),
        }
    }

    /// A value of a combination that has a row of its own.
    pub(super) fn value(&self, combination: usize, name: usize) -> Option<&str> {
        match self {
            Self::Long { values, .. } => Some(values.get(combination)?.get(name)?.as_str()),
            Self::None | Self::Wide { .. } => None,
        }
    }
}
