//! Environments: what a script's interpreter has to hold.
//!
//! - [`spec`]: what the client said, in Wharf's own form
//! - [`builder`]: what a builder must do

pub mod builder;
pub mod spec;

pub use builder::{BuildLog, BuiltEnvironment, EnvironmentBuilder, EnvironmentError};
pub use spec::{
    CondaDependency, CondaSpec, DockerSection, EnvironmentSpec, ModelFramework, PythonSection,
};
