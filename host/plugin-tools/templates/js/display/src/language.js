// Language: Esperanto, the first few messages. What it does not know is shown in the station's own English.

const TEXTS = new Map([
  ['indication.available', 'Preta: enmetu la ŝtopilon aŭ montru vian karton'],
  ['indication.authorising', 'Via karto estas kontrolata'],
  ['indication.charging', 'Ŝargado'],
  ['indication.finishing', 'Finita: vi povas elpreni la ŝtopilon'],
  ['signal.accepted', 'Karto akceptita'],
  ['signal.rejected', 'Karto ne akceptita'],
]);

function text(message) {
  const value = (name) => message.arguments.find((argument) => argument.name === name)?.value;
  if (message.id === 'session.energy') {
    const kwh = value('kwh');
    return kwh == null ? null : `${kwh} kWh ŝargitaj`;
  }
  return TEXTS.get(message.id) ?? null;
}

// The contract's interface `language`.
export const language = {
  describe() {
    return {
      name: '{{name}}',
      version: '0.1.0',
      summary: 'Some texts of the station in Esperanto',
      capabilities: [],
      settings: [],
    };
  },

  render(_now, message) {
    const rendered = text(message);
    return rendered === null ? null : { language: 'eo', text: rendered };
  },
};
