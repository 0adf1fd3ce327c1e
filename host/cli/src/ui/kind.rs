//! The kinds of documents. Each kind has a schema in `docs/schema`.

macro_rules! kinds {
    ($($kind:ident),+ $(,)?) => {
        /// The `kind` of a document. The program prints only documents of these kinds.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind {
            $($kind),+
        }

        /// All kinds.
        pub const KINDS: &[Kind] = &[$(Kind::$kind),+];

        impl Kind {
            /// Returns the word for the kind in documents.
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
