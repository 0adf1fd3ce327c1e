//! The kinds of documents. Each has a schema in `docs/schema`.

macro_rules! kinds {
    ($($kind:ident),+ $(,)?) => {
        /// The `kind` of a document. Only what stands here can be printed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind {
            $($kind),+
        }

        /// All of them.
        pub const KINDS: &[Kind] = &[$(Kind::$kind),+];

        impl Kind {
            /// The word for it in documents.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => stringify!($kind)),+
                }
            }
        }
    };
}

kinds!(
    Backup,
    BackupList,
    Bundle,
    Deletion,
    Download,
    EngineList,
    Error,
    History,
    KeyChange,
    KeyList,
    Plugin,
    PluginChangeList,
    PluginCheckList,
    PluginDiff,
    PluginList,
    PluginPack,
    PluginProject,
    PluginTest,
    PluginUpdateList,
    Report,
    Restore,
    TestReport,
    VerificationList,
    Version,
);
