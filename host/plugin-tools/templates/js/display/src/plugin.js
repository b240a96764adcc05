// What the component exports.
export { language } from './language.js';
