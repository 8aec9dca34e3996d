//! Paths that this surface does not have.

use crate::surface::Surface;

#[tokio::test]
async fn an_unknown_route_is_refused_in_this_shape() {
    let surface = Surface::new().await;
    for path in [
        surface.mms("/nothing"),
        surface.files("/artifacts/nothing"),
        "/discovery/x".to_owned(),
    ] {
        let answer = surface.ask("GET", &path).send().await;
        assert_eq!(answer.status, 404);
        assert_eq!(answer.json()["statusCode"], 404);
    }
    let answer = surface.ask("PUT", &surface.mms("/services")).send().await;
    assert_eq!(answer.status, 405);
    assert!(answer.header("allow").is_some());
}
