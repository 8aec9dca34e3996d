//! Every route of the surface.

use http::Method;

use super::{
    artifacts, assets, data, discovery, environments, images, keys, models, operations, packages,
    services, validate,
};
use crate::router::{Handler, Route, Surface, route};

macro_rules! at {
    ($service:literal, $rest:literal) => {
        concat!(
            $service,
            "/subscriptions/{subscription}/resourceGroups/{group}/providers/\
             Microsoft.MachineLearningServices/workspaces/{workspace}",
            $rest
        )
    };
}
macro_rules! mms {
    ($rest:literal) => {
        at!("/modelmanagement/v1.0", $rest)
    };
}
macro_rules! files {
    ($rest:literal) => {
        at!("/artifact/v2.0", $rest)
    };
}
macro_rules! environment {
    ($rest:literal) => {
        at!("/environment/v1.0", $rest)
    };
}

macro_rules! builds {
    ($rest:literal) => {
        at!("/environment/v2.0", $rest)
    };
}
macro_rules! data {
    ($service:literal, $rest:literal) => {
        at!($service, $rest)
    };
}

/// All routes of the surface.
pub(crate) fn routes() -> Vec<Route> {
    vec![
        route!(GET "/discovery/workspaces/{id}", V1, Open discovery::get),
        route!(POST files!("/artifacts/batch/metadata/{origin}/{container}"), V1, Token artifacts::reserve),
        route!(GET files!("/artifacts/contentinfo/{origin}/{container}/{*path}"), V1, Token artifacts::content),
        route!(GET files!("/artifacts/prefix/contentinfo/{origin}/{container}/{*path}"), V1, Token artifacts::contents),
        route!(POST mms!("/assets"), V1, Token assets::create),
        route!(GET mms!("/assets/{asset}"), V1, Token assets::get),
        route!(POST mms!("/models"), V1, Token models::register),
        route!(GET mms!("/models"), V1, Token models::list),
        route!(GET mms!("/models/{model}"), V1, Token models::get),
        route!(PATCH mms!("/models/{model}"), V1, Token models::update),
        route!(DELETE mms!("/models/{model}"), V1, Token models::delete),
        route!(POST mms!("/services/validate/name/{service}"), V1, Token validate::name),
        route!(POST mms!("/services/validate"), V1, Token validate::request),
        route!(POST mms!("/services/validate/resource"), V1, Token validate::resource),
        route!(POST mms!("/services/migrate"), V1, Token services::migrate),
        route!(POST mms!("/services"), V1, Token services::create),
        route!(GET mms!("/services"), V1, Token services::list),
        route!(GET mms!("/services/{service}"), V1, Token services::get),
        route!(PATCH mms!("/services/{service}"), V1, Token services::update),
        route!(DELETE mms!("/services/{service}"), V1, Token services::delete),
        route!(GET mms!("/services/{service}/logs"), V1, Token services::logs),
        route!(POST mms!("/services/{service}/listkeys"), V1, Token keys::list),
        route!(POST mms!("/services/{service}/regenerateKeys"), V1, Token keys::regenerate),
        route!(POST mms!("/services/{service}/token"), V1, Token keys::token),
        route!(GET mms!("/operations/{operation}"), V1, Token operations::get),
        route!(GET mms!("/operations/{operation}/log"), V1, Token operations::log),
        route!(GET mms!("/images"), V1, Token images::list),
        route!(POST mms!("/images"), V1, Token images::refuse),
        route!(GET mms!("/images/{image}"), V1, Token images::refuse),
        route!(GET environment!("/environments"), V1, Token environments::list),
        route!(GET environment!("/environments/{environment}"), V1, Token environments::get),
        route!(PUT environment!("/environments/{environment}"), V1, Token environments::put),
        route!(GET environment!("/environments/{environment}/versions/{version}"), V1, Token environments::get_version),
        route!(PUT environment!("/environments/{environment}/versions/{version}"), V1, Token environments::put_version),
        route!(PUT environment!("/environments/{environment}/versions/{version}/metadata"), V1, Token environments::put_labels),
        route!(GET environment!("/environments/{environment}/labels/{label}"), V1, Token environments::get_labelled),
        route!(GET environment!("/environments/{environment}/image"), V1, Token environments::image),
        route!(GET environment!("/environments/{environment}/versions/{version}/image"), V1, Token environments::image_of_version),
        route!(POST environment!("/environments/{environment}/recipe"), V1, Token environments::image),
        route!(POST environment!("/environments/{environment}/versions/{version}/recipe"), V1, Token environments::image_of_version),
        route!(POST builds!("/environments/{environment}/versions/{version}/image"), V1, Token environments::image_of_version),
        route!(POST builds!("/environments/{environment}/versions/{version}/imageoncompute/{compute}"), V1, Token environments::image_of_version),
        route!(POST mms!("/packages"), V1, Token packages::package),
        route!(POST mms!("/profiles"), V1, Token packages::profile),
        route!(GET data!("/dataset/v1.0", "/datasets"), V1, Token data::list),
        route!(POST data!("/dataset/v1.0", "/datasets"), V1, Token data::refuse),
        route!(GET data!("/dataset/v1.0", "/datasets/{dataset}"), V1, Token data::get_dataset),
        route!(GET data!("/dataset/v1.0", "/datasets/query/{dataset}"), V1, Token data::get_dataset),
        route!(POST data!("/dataset/v1.0", "/saveddatasets"), V1, Token data::refuse),
        route!(GET data!("/dataset/v1.0", "/saveddatasets/{dataset}"), V1, Token data::get_dataset),
        route!(GET data!("/datastore/v1.0", "/datastores"), V1, Token data::list),
        route!(POST data!("/datastore/v1.0", "/datastores"), V1, Token data::refuse),
        route!(GET data!("/datastore/v1.0", "/datastores/{datastore}"), V1, Token data::get_datastore),
        route!(GET data!("/datastore/v1.0", "/default"), V1, Token data::get_default_datastore),
        route!(PUT data!("/datastore/v1.0", "/default/{datastore}"), V1, Token data::get_datastore),
    ]
}
