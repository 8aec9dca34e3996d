//! Where a test ends the process: after each thing that is done to a replica.

wharf_core::fault_points! {
    /// The points.
    pub(crate) enum FaultPoint {
        WorkloadFolderMade,
        WorkloadWritten,
        WorkloadAppMoved,
        ReplicaConfigured,
        ReplicaSpawned,
        ReplicaWrittenDown,
        WorkloadTrashed,
        WorkloadGone,
    }
}

/// The names of the points, for a test that has to hit each.
pub const FAULT_POINTS: &[&str] = FaultPoint::NAMES;
