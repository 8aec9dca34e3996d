//! Limits on what clients say that more than one crate checks. Azure documents
//! none of them; docs/reference/limits.md lists them all.

/// Most characters of a name that Wharf only keeps: of an experiment, of a run, of
/// an environment, of a type of content.
pub const LONGEST_NAME: usize = 255;
/// Most characters of a reference that Wharf only keeps: an image, an interpreter,
/// sample data, a file that is to be run.
pub const LONGEST_REFERENCE: usize = 1_024;
/// Most characters of the description of a workspace.
pub const LONGEST_DESCRIPTION: usize = 4_096;
/// Most characters of a location.
pub const LONGEST_LOCATION: usize = 128;
/// Most tags or properties of a model or a service.
pub const MOST_LABELS: usize = 100;
/// Most bytes of the names and values of all tags, or of all properties, together.
pub const LARGEST_LABELS: usize = 64 * 1_024;
/// Most labels that a list is asked for, of each kind.
pub const MOST_WANTED_LABELS: usize = 20;
/// Most artifacts or prefixes of an asset.
pub const MOST_ASSET_ARTIFACTS: usize = 1_000;
/// Most datasets that a model names.
pub const MOST_DATASETS: usize = 100;
/// Most bytes, as JSON, of what a model keeps beside its name, labels and files.
pub const MOST_KEPT_OF_MODEL: usize = 64 * 1_024;
/// Most bytes, as JSON, of the members of a compute or a managed cluster that Wharf
/// does not interpret but gives back.
pub const MOST_KEPT_OF_RESOURCE: usize = 64 * 1_024;
/// Most models of a service.
pub const MOST_MODELS: usize = 1_000;
/// Most files beside the models of a service.
pub const MOST_CODE_FILES: usize = 1_000;
/// Most requests that one replica works on at once: each is a process of its own,
/// and the scorer runs no more of them.
pub const MOST_CONCURRENCY: u32 = 64;
/// Most Python processes of a service: replicas times requests at once.
pub const MOST_PROCESSES: u32 = 1_000;
/// Most packages and channels of an environment.
pub const MOST_PACKAGES: usize = 1_000;
/// Most environment variables of a service.
pub const MOST_VARIABLES: usize = 500;
/// Most bytes, as JSON, of a registered environment.
pub const MOST_KEPT_OF_ENVIRONMENT: usize = 512 * 1_024;
/// Most labels of a registered environment.
pub const MOST_ENVIRONMENT_LABELS: usize = 100;
/// Most bytes, as JSON, of the environment, the assets and what else a service
/// keeps of its request as it was sent.
pub const MOST_KEPT_OF_SERVICE: usize = 1_024 * 1_024;
/// Most principals. All are in memory, with their roles.
pub const MOST_PRINCIPALS: usize = 1_000;
/// Most roles of all principals together.
pub const MOST_ROLE_ASSIGNMENTS: usize = 4_000;
/// Most scopes that a principal is made with.
pub const MOST_SCOPES: usize = 100;
