//! Client of Microsoft Graph's Autopilot identities: actions, inventory, tokens, typed errors.
