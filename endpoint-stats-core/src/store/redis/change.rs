//! [`Change`]: a change of windows and endpoints that is made whole or not at all, and only if nobody made another first.

use std::sync::LazyLock;

use redis::Script;
use uuid::Uuid;

use super::connections::Connection;
use super::error::Failure;
use super::keys::Keys;

/// Arguments of one command: what Lua's `unpack` takes at once is bounded.
const MOST_ARGUMENTS: usize = 1_000;

/// Does one command after the other, if the version is still the one expected.
///
/// The types of all keys and the user's rights (from Redis 7 on) are looked at before anything is written: nothing else can
/// stop a script in the middle, for memory is asked for when it begins. Memory is freed first.
static CHANGE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if (redis.call('GET', KEYS[1]) or '0') ~= ARGV[1] then return 0 end
         local may = redis.acl_check_cmd or function() return true end
         if not may('SET', KEYS[1], '1') then return redis.error_reply('NOPERM no permission for SET') end
         local types = {HSET = 'hash', HDEL = 'hash', SADD = 'set', SREM = 'set', RPUSH = 'list', LTRIM = 'list'}
         local at = 3
         while at <= #ARGV do
             local found, wanted = redis.call('TYPE', KEYS[tonumber(ARGV[at + 1])])['ok'], types[ARGV[at]]
             if wanted and found ~= 'none' and found ~= wanted then
                 return redis.error_reply('WRONGTYPE ' .. KEYS[tonumber(ARGV[at + 1])] .. ' is a ' .. found)
             end
             if not may(ARGV[at], KEYS[tonumber(ARGV[at + 1])], '0', '0') then
                 return redis.error_reply('NOPERM no permission for ' .. ARGV[at])
             end
             at = at + 3 + tonumber(ARGV[at + 2])
         end
         at = 3
         while at <= #ARGV do
             local last = at + 2 + tonumber(ARGV[at + 2])
             redis.call(ARGV[at], KEYS[tonumber(ARGV[at + 1])], unpack(ARGV, at + 3, last))
             at = last + 1
         end
         redis.call('SET', KEYS[1], ARGV[2])
         return 1",
    )
});

/// Commands, and the version that they follow.
pub(super) struct Change {
    version: Vec<u8>,
    keys: Vec<String>,
    commands: Vec<Command>,
}

struct Command {
    name: &'static str,
    // The number of its key, from 1.
    key: usize,
    arguments: Vec<Vec<u8>>,
}

impl Change {
    /// Begins a change of what was read with a version.
    pub(super) fn of(keys: &Keys, version: &Version) -> Self {
        Self { version: version.0.clone(), keys: vec![keys.version()], commands: Vec::new() }
    }

    /// Adds a command on a key, in parts if there are many arguments; `together` of them stay together.
    pub(super) fn push(&mut self, name: &'static str, key: String, together: usize, arguments: Vec<Vec<u8>>) {
        let key = self.keys.iter().position(|known| *known == key).unwrap_or_else(|| {
            self.keys.push(key);
            self.keys.len() - 1
        });
        let mut arguments = arguments.into_iter();
        loop {
            let part: Vec<_> = arguments.by_ref().take(MOST_ARGUMENTS / together * together).collect();
            if part.is_empty() {
                return;
            }
            self.commands.push(Command { name, key: key + 1, arguments: part });
        }
    }

    /// Adds a command that takes nothing but its key.
    pub(super) fn delete(&mut self, key: String) {
        self.keys.push(key);
        self.commands.push(Command { name: "DEL", key: self.keys.len(), arguments: Vec::new() });
    }

    /// Makes the change; says whether nobody else was first.
    pub(super) async fn make(self, connection: &mut Connection) -> Result<bool, Failure> {
        let mut call = CHANGE.arg(self.version);
        call.arg(&Uuid::new_v4().as_bytes()[..]);
        for key in self.keys {
            call.key(key);
        }
        for command in self.commands {
            call.arg(command.name).arg(command.key).arg(command.arguments.len());
            for argument in command.arguments {
                call.arg(argument);
            }
        }
        let made: i64 = call.invoke_async(connection).await?;
        Ok(made == 1)
    }
}

/// The version of windows and endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Version(Vec<u8>);

impl From<Option<Vec<u8>>> for Version {
    fn from(found: Option<Vec<u8>>) -> Self {
        Self(found.unwrap_or_else(|| b"0".to_vec()))
    }
}
