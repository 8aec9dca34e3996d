//! Where a test ends the process: after each step of a write.

wharf_core::fault_points! {
    /// The points.
    pub(crate) enum FaultPoint {
        WriterBegun,
        WriterJobDone,
        WriterCommitting,
        WriterCommitted,
        BlobBegun,
        BlobSynced,
        BlobRenamed,
        BlobPublished,
        BlockRemoved,
        LogAppended,
    }
}

/// The names of the points, for a test that has to hit each.
pub const FAULT_POINTS: &[&str] = FaultPoint::NAMES;
