//! Fairness over HTTP.

use std::time::Duration;

use http::StatusCode;
use wharf_api::{Api, ApiSettings, Limits, Throttling};
use wharf_core::{access::Role::Reader, bucket::Rate};

use crate::surface::{Answer, PUBLIC_URL, Surface};

const READS: &str = "x-ms-ratelimit-remaining-subscription-reads";

async fn throttled(throttling: Throttling) -> Surface {
    let mut client = Surface::new().await;
    client.api = Api::new(ApiSettings {
        app: client.test.app.clone(),
        public_url: PUBLIC_URL.to_owned(),
        limits: Limits::default(),
        throttling: Some(throttling),
    });
    client
}

async fn ask(client: &Surface, token: &str, path: &str) -> Answer {
    let asking = client.ask_nobody("GET", path);
    let bearer = format!("Bearer {token}");
    asking.header("authorization", &bearer).send().await
}

#[tokio::test]
async fn the_numbers_of_arm_hold_by_default() {
    let client = throttled(Throttling::default()).await;
    let path = client.in_workspace("");
    for left in (0..250).rev() {
        let answer = client.get(&path).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header(READS), Some(left.to_string().as_str()));
    }
    let refused = client.get(&path).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.header(READS), Some("0"));
    assert_eq!(refused.json()["error"]["code"], "TooManyRequests");
    client.test.clock.advance(Duration::from_millis(40));
    assert_eq!(client.get(&path).await.status, StatusCode::OK);
    assert_eq!(
        client.get(&path).await.status,
        StatusCode::TOO_MANY_REQUESTS
    );
}

#[tokio::test]
async fn each_has_a_share_of_its_own() {
    let rate = |burst| Rate {
        burst,
        per_second: 1,
    };
    let client = throttled(Throttling {
        arm_reads: rate(2),
        arm_writes: rate(2),
        data_reads: rate(3),
        ..Throttling::default()
    })
    .await;
    let other = client.member("other", Reader, &client.in_group("")).await;
    let (arm, data) = (client.in_workspace(""), client.mms("/models"));
    for expected in [
        StatusCode::OK,
        StatusCode::OK,
        StatusCode::TOO_MANY_REQUESTS,
    ] {
        assert_eq!(client.get(&arm).await.status, expected);
    }
    // Another principal, another kind, another surface.
    assert_eq!(ask(&client, &other, &arm).await.status, StatusCode::OK);
    assert_eq!(client.attach("mine").await.status, StatusCode::CREATED);
    for _ in 0..3 {
        assert_eq!(client.get(&data).await.status, StatusCode::OK);
    }
    let refused = client.get(&data).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.json()["statusCode"], 429);
    assert!(refused.header(READS).is_none());
    // Denied calls are counted too, so that guessing is slow.
    for expected in [
        StatusCode::FORBIDDEN,
        StatusCode::FORBIDDEN,
        StatusCode::TOO_MANY_REQUESTS,
    ] {
        let asking = client.ask_nobody("POST", &client.in_workspace("/computes/mine/listKeys"));
        let bearer = format!("Bearer {other}");
        assert_eq!(
            asking.header("authorization", &bearer).send().await.status,
            expected
        );
    }
    // A path without a principal is not counted.
    for _ in 0..5 {
        let answer = client.ask_nobody("GET", "/metadata/endpoints").send().await;
        assert_eq!(answer.status, StatusCode::OK);
    }
}
