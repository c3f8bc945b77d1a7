// Makes the people that the browser check needs: claims the first HERO, signs a USER up, and prints the environment.
// Arguments: the server's address and the token of the claim link.
const [base, token] = process.argv.slice(2);

async function ask(query, variables) {
  const answer = await fetch(`${base}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await answer.json();
  if (errors) throw new Error(JSON.stringify(errors));
  return data;
}

const password = "Correct-horse-9";
const { claimHero } = await ask(
  `mutation ($token: String!, $password: String!) {
     claimHero(input: { token: $token, username: "hero", email: "hero@example.com", password: $password }) {
       session { accessToken }
       userErrors { code message }
     }
   }`,
  { token, password },
);
const { signUp } = await ask(
  `mutation ($password: String!) {
     signUp(input: { username: "ada", email: "ada@example.com", password: $password }) {
       session { accessToken user { personalAccount { id } } }
       userErrors { code message }
     }
   }`,
  { password },
);
if (!claimHero.session || !signUp.session) throw new Error(JSON.stringify({ claimHero, signUp }));
console.log(`export ADMIN_TOKEN='${claimHero.session.accessToken}'`);
console.log(`export ACCESS_TOKEN='${signUp.session.accessToken}'`);
console.log(`export ACCOUNT_ID='${signUp.session.user.personalAccount.id}'`);
