"""The variables of git's that a caller may have set, one or some that belong together under each name."""

from __future__ import annotations

from .world import World

VARIABLES: dict[str, dict[str, str]] = {
    "GIT_DIR and GIT_INDEX_FILE": {"GIT_DIR": "{git}", "GIT_INDEX_FILE": "{git}/index"},
    "GIT_DIR": {"GIT_DIR": "{git}"},
    "GIT_DIR, GIT_WORK_TREE": {"GIT_DIR": "{git}", "GIT_WORK_TREE": "{repo}"},
    "GIT_DIR that is not there": {"GIT_DIR": "/nowhere"},
    "GIT_WORK_TREE": {"GIT_WORK_TREE": "{repo}"},
    "GIT_INDEX_FILE": {"GIT_INDEX_FILE": "{git}/index"},
    "GIT_COMMON_DIR": {"GIT_COMMON_DIR": "{git}"},
    "GIT_OBJECT_DIRECTORY": {"GIT_OBJECT_DIRECTORY": "{git}/objects"},
    "GIT_ALTERNATE_OBJECT_DIRECTORIES": {"GIT_ALTERNATE_OBJECT_DIRECTORIES": "{git}/objects"},
    "GIT_QUARANTINE_PATH": {"GIT_QUARANTINE_PATH": "{git}/objects", "GIT_OBJECT_DIRECTORY": "{git}/objects"},
    "GIT_NAMESPACE": {"GIT_NAMESPACE": "theirs"},
    "GIT_PREFIX": {"GIT_PREFIX": "xen/"},
    "GIT_CEILING_DIRECTORIES": {"GIT_CEILING_DIRECTORIES": "/:{repo}"},
    "GIT_SHALLOW_FILE": {"GIT_SHALLOW_FILE": "/nowhere"},
    "GIT_GRAFT_FILE": {"GIT_GRAFT_FILE": "{hostile}/grafts"},
    "GIT_REPLACE_REF_BASE": {"GIT_REPLACE_REF_BASE": "refs/heads/"},
    "GIT_INDEX_VERSION": {"GIT_INDEX_VERSION": "nonsense"},
    "GIT_CONFIG": {"GIT_CONFIG": "{hostile}/config"},
    "GIT_CONFIG_GLOBAL": {"GIT_CONFIG_GLOBAL": "{hostile}/config"},
    "GIT_CONFIG_SYSTEM": {"GIT_CONFIG_SYSTEM": "{hostile}/config"},
    "GIT_CONFIG_COUNT": {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "diff.noprefix", "GIT_CONFIG_VALUE_0": "true"},
    "GIT_CONFIG_PARAMETERS": {"GIT_CONFIG_PARAMETERS": "'core.autocrlf'='true' 'diff.context'='0'"},
    "GIT_TEMPLATE_DIR": {"GIT_TEMPLATE_DIR": "{hostile}/template"},
    "GIT_DEFAULT_HASH": {"GIT_DEFAULT_HASH": "sha256"},
    "GIT_TEST_DEFAULT_INITIAL_BRANCH_NAME": {"GIT_TEST_DEFAULT_INITIAL_BRANCH_NAME": "theirs"},
    "GIT_EXEC_PATH": {"GIT_EXEC_PATH": "/nowhere"},
    "GIT_EXTERNAL_DIFF": {"GIT_EXTERNAL_DIFF": "false"},
    "GIT_DIFF_OPTS": {"GIT_DIFF_OPTS": "--unified=0"},
    "GIT_ATTR_SOURCE": {"GIT_ATTR_SOURCE": "nonsense"},
    "GIT_TRACE": {"GIT_TRACE": "{git}/trace", "GIT_TRACE_SETUP": "2"},
    "GIT_TRACE2_EVENT": {"GIT_TRACE2_EVENT": "{git}/trace", "GIT_TRACE2": "1"},
    "GIT_LITERAL_PATHSPECS": {"GIT_LITERAL_PATHSPECS": "1"},
    "GIT_ICASE_PATHSPECS": {"GIT_ICASE_PATHSPECS": "1"},
    "GIT_AUTHOR_DATE": {"GIT_AUTHOR_DATE": "nonsense"},
    "GIT_COMMITTER_NAME": {"GIT_COMMITTER_NAME": "", "GIT_COMMITTER_EMAIL": "x", "GIT_COMMITTER_DATE": "nonsense"},
    "GIT_ALLOW_PROTOCOL": {"GIT_ALLOW_PROTOCOL": "none", "GIT_PROTOCOL": "version=1", "GIT_PROTOCOL_FROM_USER": "0"},
    "GIT_EDITOR": {"GIT_EDITOR": "false", "GIT_SEQUENCE_EDITOR": "false", "GIT_PAGER": "false", "GIT_ASKPASS": "false"},
    "GIT_SSH_COMMAND": {"GIT_SSH_COMMAND": "false", "GIT_SSH": "false", "GIT_PROXY_COMMAND": "false"},
    "GIT_NOTES_REF": {"GIT_NOTES_REF": "refs/heads/side", "GIT_NOTES_DISPLAY_REF": "refs/heads/*"},
    "GIT_ADVICE": {"GIT_ADVICE": "0", "GIT_REFLOG_ACTION": "theirs", "GIT_MERGE_VERBOSITY": "5", "GIT_FLUSH": "1"},
    "GIT_TEST_FSMONITOR": {"GIT_TEST_FSMONITOR": "1", "GIT_TEST_SPLIT_INDEX": "1", "GIT_TEST_UNTRACKED_CACHE": "1"},
    "GIT_TEST_DISALLOW_ABBREVIATED": {"GIT_TEST_COMMIT_GRAPH": "1", "GIT_TEST_MULTI_PACK_INDEX": "1"},
    "EMAIL": {
        "EMAIL": "theirs@example.org",
        "VISUAL": "false",
        "EDITOR": "false",
        "PAGER": "false",
        "TZ": "Asia/Tokyo",
    },
    "LC_ALL": {"LC_ALL": "de_DE.UTF-8", "LANGUAGE": "de", "LANG": "de_DE.UTF-8"},
}
ALL = "all of them"


def variables(world: World, label: str) -> dict[str, str]:
    """The environment of a trial.

    :param label: of :data:`VARIABLES`, or :data:`ALL`.
    """
    hostile = world.hostile()
    chosen = VARIABLES.values() if label == ALL else [VARIABLES[label]]
    words = {"git": str(world.repo / ".git"), "repo": str(world.repo), "hostile": str(hostile)}
    return {name: value.format(**words) for one in chosen for name, value in one.items()}
