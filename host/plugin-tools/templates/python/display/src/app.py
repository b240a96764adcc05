"""What the component exports. `wit_world` is made from the contract when the component is built."""

import wit_world
from wit_world.exports.language import Rendered
from wit_world.imports.types import Manifest

from texts import render


class Language(wit_world.exports.Language):
    """The contract's interface `language`."""

    def describe(self) -> Manifest:
        return Manifest(
            name="{{name}}",
            version="0.1.0",
            summary="Some texts of the station in Esperanto",
            capabilities=[],
            settings=[],
        )

    def render(self, now, message):
        values = {argument.name: argument.value for argument in message.arguments}
        text = render(message.id, values)
        return None if text is None else Rendered(language="eo", text=text)
