//! Environments: what a script's interpreter has to hold.
//!
//! - [`spec`]: what the client said, in Wharf's own form
//! - [`registered`]: those that are kept under a name
//! - [`builder`]: what a builder must do

pub mod builder;
pub mod registered;
pub mod spec;

pub use builder::{BuildLog, BuiltEnvironment, EnvironmentBuilder, EnvironmentError};
pub use registered::{LATEST, RegisteredEnvironment};
pub use spec::{
    CondaDependency, CondaSpec, DockerSection, EnvironmentSpec, ModelFramework, PythonSection,
};
