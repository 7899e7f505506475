// What every page's script needs.
export const byId = (id) => document.getElementById(id);

export async function explain(response) {
  try {
    return (await response.json()).error;
  } catch {
    return `the server answered ${response.status}`;
  }
}
