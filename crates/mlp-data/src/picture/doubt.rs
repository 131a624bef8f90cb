//! Reasons to doubt how a picture was read.

/// A reason to check the result for a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Doubt {
    /// Only a page within the picture was read.
    Page,
    /// Ink touches the edge.
    Edge,
    /// Ink fills more than strokes do.
    Bulk,
    /// There is ink above other ink.
    Stacked,
    /// There are marks beside the figures.
    Marks,
    /// Little contrast.
    Faint,
}

impl Doubt {
    /// What is doubtful, as the rest of a sentence about pictures.
    pub fn text(self) -> &'static str {
        match self {
            Self::Page => "read only the page, not the background around it",
            Self::Edge => "ink touches the edge, where it may be cut off or not be part of the figure",
            Self::Bulk => "ink too thick for strokes, which may be a background or shadow",
            Self::Stacked => "may show several figures, one above another",
            Self::Marks => "marks beside the figure are taken as part of it",
            Self::Faint => "little contrast between ink and background",
        }
    }
}
