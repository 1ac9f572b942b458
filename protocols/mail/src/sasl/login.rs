//! LOGIN: the user's name is asked for, then the password. Some clients say the name before they are asked.

use std::fmt;

use super::{Credentials, Secret, is_name};

/// Questions as all servers ask them: `Username:` and `Password:` in base64.
const USERNAME: &str = "VXNlcm5hbWU6";
const PASSWORD: &str = "UGFzc3dvcmQ6";

/// One exchange of LOGIN.
#[derive(Default)]
pub struct LoginExchange {
    user: Option<Secret>,
}

/// What comes next.
#[derive(Debug)]
pub enum LoginStep {
    /// Ask this.
    Ask(&'static str),
    /// Both were said.
    Done(Credentials),
    /// A name that is none, or a password with NUL in it.
    Wrong,
}

impl fmt::Debug for LoginExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoginExchange(..)")
    }
}

impl LoginExchange {
    /// Takes a decoded response; none before the first.
    pub fn step(&mut self, response: Option<Secret>) -> LoginStep {
        let Some(mut response) = response else { return LoginStep::Ask(USERNAME) };
        match self.user.take() {
            None if is_name(&response) => {
                self.user = Some(response);
                LoginStep::Ask(PASSWORD)
            }
            Some(mut user) if !response.contains(&0) => LoginStep::Done(Credentials::password(
                std::mem::take(&mut user),
                std::mem::take(&mut response),
            )),
            _ => LoginStep::Wrong,
        }
    }
}
