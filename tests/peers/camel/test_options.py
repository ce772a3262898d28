"""Every option that Camel's own schema knows is known to the engine's specifications, and the other way round.

The schema is read from Camel's jar. What a specification names and does not do is refused by `check` with its
reason; what it does not name would be an unknown option there, and Camel would run it.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from typing import Any

import pytest

from integrator.engine import registry
from integrator.engine.elements import (
    beans,
    error_handler,
    intercept,
    on_completion,
    on_exception,
    redelivery,
    route,
    route_configuration,
    route_template,
)
from integrator.engine.spec import Spec
from tests.peers.camel import jvm

ELEMENTS: dict[str, Spec] = {
    "RedeliveryPolicyDefinition": redelivery.SPEC,
    "DefaultErrorHandlerDefinition": error_handler.DEFAULT,
    "DeadLetterChannelDefinition": error_handler.DEAD,
    "OnExceptionDefinition": on_exception.SPEC,
    "OnCompletionDefinition": on_completion.SPEC,
    "RouteConfigurationDefinition": route_configuration.SPEC,
    "RouteTemplateDefinition": route_template.SPECS[0],
    "RouteTemplateParameterDefinition": route_template.PARAMETER,
    "TemplatedRouteDefinition": route_template.SPECS[1],
    "BeanFactoryDefinition": beans.SPEC,
    "model.RouteDefinition": route.ROUTE,
    "FromDefinition": route.FROM,
    "InterceptDefinition": intercept.SPECS[0],
    "InterceptFromDefinition": intercept.SPECS[1],
    "InterceptSendToEndpointDefinition": intercept.SPECS[2],
}
OURS = {
    "routeConfiguration": {"errorHandlerRef"},  # refused with its reason, as in a route
    "marshal": {"groovyJson", "tidyMarkup"},  # names of other versions, refused with their reason
    "unmarshal": {"groovyJson", "tidyMarkup"},
}
"""Names beyond the schema of 4.18.0."""
EVERYWHERE = {"id", "description", "note", "disabled"}


@pytest.fixture(scope="module")
def definitions(camel_tools: None) -> Mapping[str, Any]:
    jar = next(path for path in jvm.jars() if path.name.startswith("camel-yaml-dsl-4"))
    with zipfile.ZipFile(jar) as opened:
        schema = json.loads(opened.read("schema/camelYamlDsl.json"))
    found: Mapping[str, Any] = schema["items"]["definitions"]
    return found


def properties(definition: Mapping[str, Any]) -> set[str]:
    return {
        name for part in (definition, *definition.get("oneOf", ())) for name in part.get("properties", ())
    }


def compared(spec: Spec, definition: Mapping[str, Any]) -> tuple[set[str], set[str]]:
    """What only Camel knows, and what only the engine knows."""
    camel = properties(definition) - EVERYWHERE
    ours = {option.name for option in spec.options} - EVERYWHERE
    if spec.expression:
        camel -= registry.LANGUAGES.all_names() | {"expression"}
    return camel - ours, ours - camel - OURS.get(spec.name, set())


def test_options_of_steps(definitions: Mapping[str, Any]) -> None:
    steps = definitions["org.apache.camel.model.ProcessorDefinition"]["properties"]
    wrong = {}
    for name in sorted(registry.EIPS.names()):
        found = compared(registry.EIPS.spec(name), definitions[steps[name]["$ref"].rpartition("/")[2]])
        if any(found):
            wrong[name] = found
    assert wrong == {}
    assert len(registry.EIPS.names()) > 50


@pytest.mark.parametrize("name", ELEMENTS)
def test_options_of_elements(name: str, definitions: Mapping[str, Any]) -> None:
    definition = next(value for key, value in definitions.items() if key.endswith(f".{name}"))
    assert compared(ELEMENTS[name], definition) == (set(), set())


def test_options_of_languages(definitions: Mapping[str, Any]) -> None:
    by_name = {
        key.rpartition(".")[2].removesuffix("Expression").lower(): value
        for key, value in definitions.items()
        if ".model.language." in key
    }
    seen = 0
    for name in sorted(registry.LANGUAGES.names()):
        definition = by_name.get(name.lower())
        if definition is not None:
            seen += 1
            assert compared(registry.LANGUAGES.spec(name), definition) == (set(), set()), name
    assert seen >= 8


def test_every_step_of_camel_is_known(definitions: Mapping[str, Any]) -> None:
    steps = set(definitions["org.apache.camel.model.ProcessorDefinition"]["properties"])
    inside = {"doCatch", "doFinally"}
    assert steps - inside - registry.EIPS.all_names() == set()
