"""All targets, by name."""

from tests.torture.fuzzing import (
    configuration,
    contents,
    documents,
    parameters,
    policies,
    queries,
    signatures,
)

TARGETS = {
    target.name: target
    for module in (
        signatures, documents, policies, parameters, contents, configuration, queries,
    )
    for target in module.TARGETS
}  # fmt: skip
