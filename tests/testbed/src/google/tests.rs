use super::*;

#[tokio::test]
async fn faults_come_in_their_turn_and_requests_need_the_token() {
    let google = Google::start().await.unwrap();
    let [_, (_, token)] = google.variables();
    google.put("acme", "a b", "one");
    google.fault("get", Turn::Every(2), GoogleFault::Status(429));
    let client = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new())
        .build_http();
    let ask = async |token: &str| {
        let request = http::Request::get(format!("{}/storage/v1/b/acme/o/a%20b", google.url()))
            .header("authorization", format!("Bearer {token}"))
            .body(http_body_util::Empty::<Bytes>::new());
        let answer = client.request(request.unwrap()).await.unwrap();
        answer.status().as_u16()
    };
    assert_eq!(ask("other").await, 401);
    assert_eq!(ask(&token).await, 200);
    assert_eq!(ask(&token).await, 429);
    assert_eq!(ask(&token).await, 200);
    assert_eq!(google.count("get"), 3);
    assert_eq!(
        google.requests()[0],
        ("unauthorized", "acme/a b".to_owned())
    );
}
