//! The state of a row, and of each of its requests.

/// The state of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Status {
    /// Not answered yet.
    #[default]
    Pending,
    /// Answered, or sharing another row's answer.
    Ok,
    /// Refused, or out of tries.
    Failed,
    /// Out of tries for a temporary reason; one more pass will try it.
    SetAside,
    /// Missing from the input for a long time, and removed with its answer.
    Dropped,
    /// Nothing was to be asked, because it has no text. The journal has no entry for such a row.
    Skipped,
}

impl Status {
    /// The word for it in the `status` column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending | Self::SetAside | Self::Dropped => "pending",
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }

    /// The state of a row, from those of all its requests: the worst of them.
    pub fn of_requests(all: impl IntoIterator<Item = Self>) -> Self {
        all.into_iter().fold(Self::Skipped, |row, status| match (row, status) {
            (Self::Failed, _) | (_, Self::Failed) => Self::Failed,
            (row, Self::Skipped) => row,
            (Self::Skipped | Self::Ok, Self::Ok) => Self::Ok,
            _ => Self::Pending,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Status::{self, *};

    #[test]
    fn a_row_is_as_far_as_the_worst_of_its_requests() {
        let cases: [(&[Status], Status); 8] = [
            (&[Ok, Ok], Ok),
            (&[Ok, Skipped], Ok),
            (&[Ok, SetAside], Pending),
            (&[Ok, Dropped], Pending),
            (&[Skipped, Pending], Pending),
            (&[Pending, Ok, Failed], Failed),
            (&[Skipped], Skipped),
            (&[], Skipped),
        ];
        for (all, status) in cases {
            assert_eq!(Status::of_requests(all.iter().copied()), status, "{all:?}");
        }
    }
}
