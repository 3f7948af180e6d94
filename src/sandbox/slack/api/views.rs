//! `views.open`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Call, Outcome, Refusal};
use crate::sandbox::slack::blocks;
use crate::sandbox::slack::state::{Form, State};

/// `views.open`. A `trigger_id` opens one form, within Slack's three seconds.
pub(in crate::sandbox::slack) fn open(call: &mut Call<'_>) -> Outcome {
    let trigger_id = call.args.required("trigger_id")?;
    let view = call
        .args
        .json("view")
        .ok_or_else(|| Refusal::of("invalid_arguments").saying(["[ERROR] missing required field: view".to_owned()]))?;
    let view = blocks::check_modal(&view, &mut call.state.mint)
        .map_err(|problems| Refusal::of("invalid_arguments").saying(problems))?;
    let deadline = call.core.ack_deadline;
    let trigger = call.state.triggers.get_mut(&trigger_id).ok_or_else(|| Refusal::of("invalid_trigger_id"))?;
    if trigger.used {
        return Err(Refusal::of("exchanged_trigger_id"));
    }
    if trigger.made.elapsed() > deadline {
        return Err(Refusal::of("expired_trigger_id"));
    }
    trigger.used = true;
    let user = trigger.user.clone();
    let person = call.state.person_by_id(&user).ok_or_else(|| Refusal::of("user_not_found"))?;
    let form = new_form(call.state, view);
    let out = json!({"view": form_json(call.state, &form, Value::Null, json!({"values": {}}))});
    let handle = call.state.people[person].handle.clone();
    let title = form.view["title"]["text"].clone();
    call.core.note(
        "opened",
        json!({"visible_to": [handle], "to": handle, "form": form.id, "title": title,
        "callback_id": form.view["callback_id"], "method": "views.open"}),
    );
    call.state.people[person].forms = vec![form];
    call.core.touch();
    Ok(out)
}

/// Creates a form from a checked view.
pub(in crate::sandbox::slack) fn new_form(state: &mut State, view: Value) -> Form {
    let id = state.mint.random("V", 10);
    let hash = new_hash(state);
    Form { id, view, hash, errors: BTreeMap::new() }
}

/// Creates a hash for a new or changed view.
pub(in crate::sandbox::slack) fn new_hash(state: &mut State) -> String {
    format!("{}.{}", state.clock.now().as_second(), state.mint.random("", 8).to_lowercase())
}

/// Returns the view as Slack writes it, with the values that the person filled in.
pub(in crate::sandbox::slack) fn form_json(state: &State, form: &Form, previous: Value, filled: Value) -> Value {
    let given = |key: &str, default: Value| form.view.get(key).cloned().unwrap_or(default);
    json!({"id": form.id, "team_id": state.ids.team, "type": "modal", "blocks": form.view["blocks"],
        "private_metadata": given("private_metadata", json!("")), "callback_id": given("callback_id", json!("")),
        "state": filled, "hash": form.hash, "title": form.view["title"],
        "clear_on_close": given("clear_on_close", json!(false)),
        "notify_on_close": given("notify_on_close", json!(false)), "close": given("close", Value::Null),
        "submit": given("submit", Value::Null), "previous_view_id": previous, "root_view_id": form.id,
        "app_id": state.ids.app, "external_id": given("external_id", json!("")),
        "app_installed_team_id": state.ids.team, "bot_id": state.ids.bot})
}
