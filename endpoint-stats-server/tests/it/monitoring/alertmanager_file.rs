//! The repository's `alertmanager.yaml`, its receivers led to one that the test listens at.

use std::fs;

use serde_json::{Value, json};

use super::receiver::Receiver;
use super::{hurried, package};

/// The file, its durations [hurried]; what would go to a receiver's URL goes to `POST /{name of the receiver}`.
pub(super) fn telling(receiver: &Receiver) -> String {
    let mut file = package::file("alertmanager", "alertmanager.yaml").content;
    for of_file in file["receivers"].as_array_mut().expect("a list of receivers") {
        let name = of_file["name"].as_str().expect("a receiver has a name").to_owned();
        let url_file = receiver.folder().join(&name);
        fs::write(&url_file, receiver.url_of(&name)).unwrap();
        let channels = of_file["slack_configs"].as_array_mut().expect("every receiver is one of Slack's kind");
        for channel in channels {
            channel["api_url_file"] = json!(url_file);
        }
    }
    hurry(&mut file["route"]);
    file.to_string()
}

/// Hurries a route and those below it.
fn hurry(route: &mut Value) {
    for key in ["group_wait", "group_interval", "repeat_interval"] {
        if let Some(duration) = route[key].as_str().map(hurried::duration) {
            route[key] = json!(duration);
        }
    }
    route["routes"].as_array_mut().into_iter().flatten().for_each(hurry);
}
