//! The words of a plan: closed sets, one for each kind of choice. The doc comments are what `planrun schema` shows in editors.

use super::words;
use crate::catalogue::ProtocolKind;

words! {
    /// What each user of a scenario does.
    ProtocolWord {
        /// Opens one TCP connection and holds it.
        TcpHold = "tcp-hold",
        /// Sends HTTP requests.
        Http = "http",
    }
}

impl ProtocolWord {
    /// The protocol with this name.
    pub fn kind(self) -> ProtocolKind {
        match self {
            Self::TcpHold => ProtocolKind::TcpHold,
            Self::Http => ProtocolKind::Http,
        }
    }
}

words! {
    /// A server that planrun brings along.
    BuiltinWord {
        /// Long connections.
        TcpHold = "tcp-hold",
        /// Requests.
        Http = "http",
    }
}

words! {
    /// How far apart arrivals are.
    SpacingWord {
        /// As the rate says.
        Constant = "constant",
        /// By chance, as those of many users who know nothing of each other.
        Poisson = "poisson",
    }
}

words! {
    /// Which row a pass takes.
    OrderWord {
        /// One after the other, and from the first again.
        Sequential = "sequential",
        /// Any, by the plan's seed.
        Random = "random",
        /// Each row once in the whole run, also where several scenarios name the file.
        Unique = "unique",
    }
}

words! {
    /// Whether a request is sent again when the server closed the idle connection before it answered.
    RetryWord {
        /// When its method is idempotent: GET, HEAD, PUT, DELETE, OPTIONS, TRACE.
        Idempotent = "idempotent",
        /// Whatever its method: the server may process it twice.
        Always = "always",
        /// Never: it fails.
        Never = "never",
    }
}

words! {
    /// What source addresses are for.
    SourceUseWord {
        /// Connections are spread over all of them.
        Spread = "spread",
        /// The next address is used once the ports of the one before it get scarce.
        Reserve = "reserve",
    }
}

words! {
    /// Who sends heartbeats.
    SideWord {
        /// The target.
        Server = "server",
        /// This side; the target replies.
        Client = "client",
    }
}

words! {
    /// How a connection is ended as planned.
    CloseWord {
        /// The usual close.
        Fin = "fin",
        /// Leaves no `TIME_WAIT` behind.
        Rst = "rst",
    }
}

words! {
    /// Which parts of its stages a threshold looks at.
    DuringWord {
        /// The ramps.
        Ramp = "ramp",
        /// The holds.
        Hold = "hold",
        /// Ramps, holds and the drain.
        All = "all",
    }
}

words! {
    /// What a lost worker does to the run.
    LossWord {
        /// The others go on.
        Continue = "continue",
        /// The run ends, with its reports.
        Stop = "stop",
    }
}

words! {
    /// What happens to a run that can only be INVALID any more.
    InvalidWord {
        /// It ends, with its reports.
        Stop = "stop",
        /// It goes on to the end of the plan.
        Continue = "continue",
    }
}

words! {
    /// What it means when as many requests are under way as may be.
    FullWord {
        /// The cap may be too small: the run proves nothing.
        Invalid = "invalid",
        /// The cap is meant: what is dropped counts as failed.
        Fail = "fail",
    }
}
